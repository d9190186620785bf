/** An answer that a handler threw instead of returning it. */
export interface ThrownAnswer {
  /** Its status code, if the thrown value has one. */
  readonly status: number | undefined
}

/**
 * Reads a thrown value. A `Response`, an error with `getResponse()` (as in Hono) and an error with
 * a `status` or `statusCode` from 400 to 499 (as in `http-errors`) are answers to one client;
 * everything else is a failure, for which this returns `undefined`.
 */
export function thrownAnswer(thrown: unknown): ThrownAnswer | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined
  try {
    return read(thrown)
  } catch {
    return undefined
  }
}

interface Candidate {
  readonly status?: unknown
  readonly statusCode?: unknown
  readonly getResponse?: unknown
  readonly headers?: { readonly get?: unknown } | null
}

function read(thrown: Candidate): ThrownAnswer | undefined {
  const status = statusOf(thrown.status) ?? statusOf(thrown.statusCode)
  const isResponse = status !== undefined && typeof thrown.headers?.get === "function"
  if (isResponse || typeof thrown.getResponse === "function") return { status }
  return status !== undefined && status >= 400 && status <= 499 ? { status } : undefined
}

function statusOf(value: unknown): number | undefined {
  return Number.isInteger(value) ? (value as number) : undefined
}
