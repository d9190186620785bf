import { invalidOption } from "./errors.js"

export type Unchecked = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Unchecked {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

/**
 * The properties that an options object itself has. What it inherits is no option. Without a
 * prototype: what is not given is `undefined`.
 */
export function own(given: object, names: readonly string[]): Unchecked {
  const options: Record<string, unknown> = Object.create(null)
  for (const name of names) {
    if (Object.hasOwn(given, name)) options[name] = (given as Unchecked)[name]
  }
  return options
}

/** A flag that may be left out. `name` is that of the option, in messages. */
export function flag(name: string, value: unknown): boolean {
  if (value === undefined || typeof value === "boolean") return value === true
  throw invalidOption(name, "true or false")
}

/** A list that may be left out, each member of which `is` allowed. */
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

/** An asterisk may be in a name too, but alone it would be read as all of them. */
export function isFieldName(value: string): boolean {
  return value !== "*" && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value)
}
