import type { CacheErrorCode, CacheTypeErrorCode } from "../index.js"

/** The codes of errors that are not about an argument. */
export type FailureCode = Exclude<CacheErrorCode, CacheTypeErrorCode>

/** A refused argument. Its `name` is `TypeError`. */
export class CacheTypeError extends TypeError {
  readonly code: CacheTypeErrorCode

  constructor(code: CacheTypeErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** A failure that is no fault of an argument. Its `name` is `Error`. */
export class CacheError extends Error {
  readonly code: FailureCode

  constructor(code: FailureCode, message: string) {
    super(message)
    this.code = code
  }
}

/** A value for a message: short, and without calling into it. */
export function shown(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}…` : value)
  if (typeof value === "bigint") return `${value}n`
  if (Array.isArray(value)) return "an array"
  if (value === null || typeof value !== "object")
    return typeof value === "function" ? "a function" : String(value)
  return "an object"
}

/** Whether a value is an error. A proxy may throw when it is asked for its prototype. */
export function isError(value: unknown): value is Error {
  try {
    return value instanceof Error
  } catch {
    return false
  }
}

/** A thrown value as text. It need not be an error, and may throw when it is converted. */
export function inWords(thrown: unknown): string {
  try {
    return String(thrown)
  } catch {
    return "something that cannot be shown"
  }
}

/** The message of an error, which an application may have replaced by any value. */
export function messageOf(error: Error): string {
  try {
    const { message } = error
    return typeof message === "string" ? message : inWords(message)
  } catch {
    return "something that cannot be shown"
  }
}
