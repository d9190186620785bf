import { isToken } from "./check.js"
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
  for (const [name, value] of headers) {
    if (value.includes("\n"))
      throw invalid("LAYERON_INVALID_RESPONSE", `${path} must have no line feed in ${name}`)
    text += `${name}:${value}\n`
  }
  return { status, text, vary: varyNames(headers), expected: expectedLength(response, method) }
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
function varyNames(headers: Headers): string[] {
  const vary = headers.get("vary")
  return vary === null
    ? []
    : vary
        .toLowerCase()
        .split(",")
        .map((name) => name.trim())
        .filter(isToken)
}

/**
 * The answer to a HEAD tells the length of a body it does not have. `fetch` decodes a coded body and leaves its length, which a copy of
 * the response takes along.
 */
function expectedLength({ headers }: Response, method: string): number | undefined {
  const length = headers.get("content-length")
  if (length === null || method === "HEAD" || headers.has("content-encoding")) return undefined
  return /^\d+$/.test(length) ? Number(length) : undefined
}
