import type { CacheTypeErrorCode } from "../../index.js"
import { CacheTypeError, shown } from "../errors.js"

export const INT32_MAX = 2_147_483_647

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const IDENTIFIER = /^[A-Za-z0-9._-]{1,128}$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const NOT_IN_TAG = /[\u0000-\u001f\u007f-\u009f,]/

/** Options without a prototype: an absent one is `undefined`. */
export type Fields = Readonly<Record<string, unknown>>

/** The error for an option at `path` that is not `allowed`. */
export function wrong(
  path: string,
  allowed: string,
  value: unknown,
  code: CacheTypeErrorCode = "LAYERON_INVALID_OPTION",
): TypeError {
  return new CacheTypeError(code, `${path} must be ${allowed}, got ${shown(value)}`)
}

/** An options object. Warns about unknown names. Absent options are an empty object. */
export function options(path: string, value: unknown, known: readonly string[]): Fields {
  if (value === undefined) return own({}, [])
  const given = object(path, value)
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) warnOnce(`${path}.${name}`, known)
  }
  return own(given, known)
}

export function object(path: string, value: unknown): object {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(path, "an object", value)
  return value
}

/**
 * Own properties of an object, each read once. Inherited ones are not options: code that can set
 * `Object.prototype.everything` would otherwise empty the cache with the next purge.
 */
export function own(given: object, names: readonly string[]): Fields {
  const fields: Record<string, unknown> = Object.create(null)
  for (const name of names) {
    if (Object.hasOwn(given, name)) fields[name] = (given as Fields)[name]
  }
  return fields
}

const warned = new Set<string>()

function warnOnce(path: string, known: readonly string[]): void {
  if (warned.has(path)) return
  warned.add(path)
  process.emitWarning(`${path} is not an option and has no effect; known are ${known.join(", ")}`, {
    code: "LAYERON_UNKNOWN_OPTION",
  })
}

export function integer(path: string, value: unknown, least: number, most: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
    throw wrong(path, `an integer from ${least} to ${most}`, value)
  }
  return value
}

export function seconds(path: string, value: unknown): number | undefined {
  return value === undefined ? undefined : integer(path, value, 0, INT32_MAX)
}

export function flag(path: string, value: unknown): boolean {
  if (value !== undefined && typeof value !== "boolean") throw wrong(path, "true or false", value)
  return value === true
}

export function share(path: string, value: unknown): number | undefined {
  if (value === undefined) return undefined
  if (typeof value !== "number" || !(value >= 0 && value <= 1))
    throw wrong(path, "a number from 0 to 1", value)
  return value
}

export function identifier(path: string, value: unknown): string {
  if (typeof value !== "string" || !IDENTIFIER.test(value)) {
    throw wrong(path, "1 to 128 letters, digits, '.', '_' or '-'", value)
  }
  return value
}

export function text(path: string, value: unknown, most: number): string {
  if (typeof value !== "string" || value.length === 0 || value.length > most) {
    throw wrong(path, `a string of 1 to ${most} characters`, value)
  }
  return value
}

function list<T>(path: string, value: unknown, item: (path: string, value: unknown) => T): T[] {
  if (!Array.isArray(value)) throw wrong(path, "an array", value)
  return Array.from(value, (member, index) => item(`${path}[${index}]`, member))
}

/** An optional list; `item` checks each member. */
export function optionalList<T>(
  path: string,
  value: unknown,
  item: (path: string, value: unknown) => T,
): T[] | undefined {
  return value === undefined ? undefined : list(path, value, item)
}

export function headerName(path: string, value: unknown): string {
  if (typeof value !== "string" || !TOKEN.test(value) || value === "*") {
    throw wrong(path, "the name of a header field", value)
  }
  return value.toLowerCase()
}

export function method(path: string, value: unknown): string {
  if (!isToken(value)) throw wrong(path, "the name of an HTTP method", value)
  return value.toUpperCase()
}

export function isToken(value: unknown): value is string {
  return typeof value === "string" && TOKEN.test(value)
}

export function tag(path: string, value: unknown): string {
  if (
    typeof value !== "string" ||
    value.length === 0 ||
    characters(value) > 1024 ||
    NOT_IN_TAG.test(value)
  ) {
    throw wrong(path, "a tag of 1 to 1024 characters without commas or control characters", value)
  }
  return value
}

function characters(value: string): number {
  return value.length <= 1024 ? value.length : Array.from(value).length
}

export function name(path: string, value: unknown): string {
  return text(path, value, 256)
}
