import { invalidOption } from "./errors.js"

export type Unchecked = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Unchecked {
  return typeof value === "object" && value !== null && !Array.isArray(value)
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
