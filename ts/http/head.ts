import { CacheTypeError, inWords, shown } from "../errors.js"
import { isToken } from "../options/check.js"
import { NO_BODY } from "./body.js"
import { isDecoded, OF_CODED_BODY } from "./decoded.js"

/** A reason phrase (RFC 9112, section 4). */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

/** The parts of a response that decide about storing it. */
export interface ResponseHead {
  readonly status: number
  /** Reason phrase and field lines, each ended by a line feed. */
  readonly text: string
  /** Names in the response's own `Vary`. */
  readonly vary: readonly string[]
  /** Length of the body by `Content-Length`, if it can be compared. */
  readonly contentLength: number | undefined
  /** Whether the body had been used when the head was read. */
  readonly isUsed: boolean
}

/** Reads the head of a response. Accepts responses of another realm and of the undici package. */
export function readHead(response: Response, method: string, path: string): ResponseHead {
  const members = membersOf(response)
  if (members === undefined)
    throw new CacheTypeError(
      "LAYERON_INVALID_RESPONSE",
      `${path} must be a Response, got ${shown(response)}`,
    )
  const { status, statusText, headers, bodyUsed } = members
  if (!isStatus(status)) {
    throw new CacheTypeError(
      "LAYERON_INVALID_RESPONSE",
      `${path} must have an integer from 100 to 999 as its status, got ${shown(status)}`,
    )
  }
  if (!REASON.test(statusText)) {
    throw new CacheTypeError(
      "LAYERON_INVALID_RESPONSE",
      `${path} must have a statusText of Latin-1 without control characters, got ${shown(statusText)}`,
    )
  }
  let text = `${statusText}\n`
  let vary: string | undefined
  let length: string | undefined
  let isCoded = false
  const withoutCoding = isDecoded(response, method)
  // Iterates, because each lookup by name in the platform's headers costs as much as several lines.
  for (const [name, value] of platformHeaders(headers, path)) {
    if (withoutCoding && OF_CODED_BODY.includes(name)) continue
    text += `${name}:${value}\n`
    if (name === "vary") vary = value
    else if (name === "content-length") length = value
    else if (name === "content-encoding") isCoded = true
  }
  // The response to a HEAD, like a 204, may have the length of a body that it omits. `fetch`
  // decodes a body and keeps its coded length, which a copy of the response inherits.
  const isLengthOfOther = method === "HEAD" || isCoded || NO_BODY.includes(status)
  const contentLength = isLengthOfOther ? undefined : parseLength(length)
  return { status, text, vary: varyNames(vary), contentLength, isUsed: bodyUsed }
}

/** The members of a response that its head is read from, each of which is a getter. */
type Members = Pick<Response, "status" | "statusText" | "headers" | "bodyUsed">

/**
 * The members of a response, each read once; `undefined` for any other value. Getters throw on an
 * object that only has the prototype of a `Response`.
 */
function membersOf(value: unknown): Members | undefined {
  if (typeof value !== "object" || value === null) return undefined
  try {
    const { status, statusText, headers, bodyUsed } = value as Partial<Response>
    const isResponse =
      typeof status === "number" &&
      typeof statusText === "string" &&
      typeof bodyUsed === "boolean" &&
      typeof headers?.get === "function" &&
      typeof headers[Symbol.iterator] === "function"
    return isResponse ? { status, statusText, headers, bodyUsed } : undefined
  } catch {
    return undefined
  }
}

/** Whether a value can be a status. 0 is that of a network error, `Response.error()`. */
function isStatus(status: number): boolean {
  return status === 0 || (Number.isInteger(status) && status >= 100 && status <= 999)
}

/** Headers as the platform has them: names in lower case, valid characters, one line each. */
function platformHeaders(headers: Headers, path: string): Headers {
  if (Object.getPrototypeOf(headers) === Headers.prototype) return headers
  try {
    return new Headers([...headers])
  } catch (error) {
    throw new CacheTypeError(
      "LAYERON_INVALID_RESPONSE",
      `${path} must have valid headers: ${inWords(error)}`,
    )
  }
}

/** Names in `Vary`. A `Vary` with anything else is refused by the core, and needs no fields. */
function varyNames(vary: string | undefined): string[] {
  return vary === undefined
    ? []
    : vary
        .toLowerCase()
        .split(",")
        .map((name) => name.trim())
        .filter(isToken)
}

function parseLength(length: string | undefined): number | undefined {
  return length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined
}
