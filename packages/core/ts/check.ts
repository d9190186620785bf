import { invalidOption } from "./errors.js"

export type Unchecked = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Unchecked {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** The own properties of an options object, without inherited ones, in one without a prototype. */
export function own(given: object, names: readonly string[]): Unchecked {
  const options: Record<string, unknown> = Object.create(null)
  for (const name of names) {
    if (Object.hasOwn(given, name)) options[name] = (given as Unchecked)[name]
  }
  return options
}

/** Reads an optional flag. Messages name it `name`. */
export function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === "boolean") return value === true
  throw invalidOption(name, "true or false")
}

/** Reads an optional list of strings for each of which `is` returns true. */
export function list(
  name: string,
  value: unknown,
  allowed: string,
  is: (member: string) => boolean,
): readonly string[] | undefined {
  if (value === undefined) return undefined
  if (Array.isArray(value) && value.every((member) => typeof member === "string" && is(member))) {
    return Object.freeze([...value])
  }
  throw invalidOption(name, `an array of ${allowed}`)
}

/** Whether a text is a field name. `*` alone is none, since lists of names have it for all. */
export function isFieldName(value: string): boolean {
  return value !== "*" && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)
}
