import { invalid, inWords, shown } from "../errors.js"
import { isToken } from "../options/check.js"
import { NO_BODY } from "./body.js"
import { isDecoded, OF_CODED_BODY } from "./decoded.js"

/** A reason phrase (RFC 9112, section 4). */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

/** The parts of a response that decide on storing it. */
export interface ResponseHead {
  readonly status: number
  /** Reason phrase and field lines, a line feed behind each. */
  readonly text: string
  /** Names in the response's own `Vary`. */
  readonly vary: readonly string[]
  /** Length of the body by `Content-Length`, where that can be compared with it. */
  readonly expected: number | undefined
}

/**
 * Reads the head of a response. Responses of another realm or of the undici package are as good as
 * the platform's.
 */
export function readHead(response: Response, method: string, path: string): ResponseHead {
  if (!isResponse(response))
    throw invalid("LAYERON_INVALID_RESPONSE", `${path} must be a Response, got ${shown(response)}`)
  const { status, statusText } = response
  if (!isStatus(status)) {
    throw invalid(
      "LAYERON_INVALID_RESPONSE",
      `${path} must have an integer from 100 to 999 as its status, got ${shown(status)}`,
    )
  }
  if (!REASON.test(statusText)) {
    throw invalid(
      "LAYERON_INVALID_RESPONSE",
      `${path} must have a statusText of Latin-1 without control characters, got ${shown(statusText)}`,
    )
  }
  let text = `${statusText}\n`
  let vary: string | undefined
  let length: string | undefined
  let isCoded = false
  const withoutCoding = isDecoded(response, method)
  // Here rather than by name: each question to the platform's headers costs as much as several
  // lines of them.
  for (const [name, value] of platformHeaders(response.headers, path)) {
    if (withoutCoding && OF_CODED_BODY.includes(name)) continue
    text += `${name}:${value}\n`
    if (name === "vary") vary = value
    else if (name === "content-length") length = value
    else if (name === "content-encoding") isCoded = true
  }
  // The answer to a HEAD, like a 204, may tell the length of a body that it does not have. `fetch`
  // decodes a coded body and leaves its length, which a copy of the response takes along.
  const isLengthOfOther = method === "HEAD" || isCoded || NO_BODY.includes(status)
  const expected = isLengthOfOther ? undefined : expectedLength(length)
  return { status, text, vary: varyNames(vary), expected }
}

/** Getters of an object that only has the prototype of a `Response` throw. */
function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false
  try {
    const { status, statusText, headers, bodyUsed } = value as Partial<Response>
    return (
      typeof status === "number" &&
      typeof statusText === "string" &&
      typeof bodyUsed === "boolean" &&
      typeof headers?.get === "function" &&
      typeof headers[Symbol.iterator] === "function"
    )
  } catch {
    return false
  }
}

/** What a response can have as its status. 0 is that of a network error, `Response.error()`. */
function isStatus(status: number): boolean {
  return status === 0 || (Number.isInteger(status) && status >= 100 && status <= 999)
}

/**
 * Header fields as the platform keeps them: names in lower case, no character that a field cannot
 * have, one line each.
 */
function platformHeaders(headers: Headers, path: string): Headers {
  if (Object.getPrototypeOf(headers) === Headers.prototype) return headers
  try {
    return new Headers([...headers])
  } catch (error) {
    throw invalid("LAYERON_INVALID_RESPONSE", `${path} must have valid headers: ${inWords(error)}`)
  }
}

/**
 * Field names alone: a `Vary` with anything else in it is refused, and nothing has to be told for
 * it.
 */
function varyNames(vary: string | undefined): string[] {
  return vary === undefined
    ? []
    : vary
        .toLowerCase()
        .split(",")
        .map((name) => name.trim())
        .filter(isToken)
}

function expectedLength(length: string | undefined): number | undefined {
  return length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined
}
