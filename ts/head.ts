import { isToken } from "./check.js"
import { isDecoded, OF_CODED_BODY } from "./decoded.js"
import { invalid, shown } from "./errors.js"

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

/** Reads the head of a response. Responses of another realm or of the undici package are as good as the platform's. */
export function readHead(response: Response, method: string, path: string): ResponseHead {
  if (!isResponse(response))
    throw invalid("LAYERON_INVALID_RESPONSE", `${path} must be a Response, got ${shown(response)}`)
  const { status, statusText, headers } = response
  if (statusText.includes("\n")) {
    throw invalid("LAYERON_INVALID_RESPONSE", `${path} must have no line feed in its statusText`)
  }
  let text = `${statusText}\n`
  let vary: string | undefined
  let length: string | undefined
  let isCoded = false
  const withoutCoding = isDecoded(response, method)
  // Here rather than by name: each question to the platform's headers costs as much as several lines of them.
  for (const [name, value] of headers) {
    if (withoutCoding && OF_CODED_BODY.includes(name)) continue
    if (value.includes("\n"))
      throw invalid("LAYERON_INVALID_RESPONSE", `${path} must have no line feed in ${name}`)
    text += `${name}:${value}\n`
    if (name === "vary") vary = value
    else if (name === "content-length") length = value
    else if (name === "content-encoding") isCoded = true
  }
  // The answer to a HEAD tells the length of a body it does not have. `fetch` decodes a coded body and leaves its length, which a copy of the
  // response takes along.
  const expected = method === "HEAD" || isCoded ? undefined : expectedLength(length)
  return { status, text, vary: varyNames(vary), expected }
}

function isResponse(value: unknown): value is Response {
  if (typeof value !== "object" || value === null) return false
  const { status, statusText, headers, bodyUsed } = value as Partial<Response>
  return (
    typeof status === "number" &&
    typeof statusText === "string" &&
    typeof bodyUsed === "boolean" &&
    typeof headers?.get === "function" &&
    typeof headers[Symbol.iterator] === "function"
  )
}

/** Field names alone: a `Vary` with anything else in it is refused, and nothing has to be told for it. */
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
