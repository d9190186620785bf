import type { RouteResult } from "../index.js"

export function notFound(): Response {
  return failure(404, "not_found", "There is nothing at this path.")
}

export function methodNotAllowed(method: string, allowed: readonly string[]): Response {
  const message = `This path does not answer ${method}.`
  return failure(405, "method_not_allowed", message, { allow: allowed.join(", ") })
}

/** Refuses a preflight, of which `part` is not allowed. */
export function preflightRefused(part: string): Response {
  return failure(403, "preflight_refused", `The ${part} of this preflight is not allowed.`)
}

export function internalError(): Response {
  return failure(
    500,
    "internal_error",
    "The request could not be answered because of an error in the server.",
  )
}

export function availableMethods(allowed: readonly string[]): Response {
  return new Response(null, { status: 204, headers: { allow: allowed.join(", ") } })
}

/** @throws TypeError for a value that JSON cannot hold, and for a response that cannot be sent. */
export function toResponse(result: RouteResult): Response {
  if (isResponse(result)) return assertSendable(result)
  return result === undefined ? new Response(null, { status: 204 }) : Response.json(result)
}

/** Whether a value is a response, of the global class or of another fetch implementation. */
export function isResponse(value: unknown): value is Response {
  return value instanceof Response || Object.prototype.toString.call(value) === "[object Response]"
}

export function withoutBody(response: Response): Response {
  if (response.body === null) return response
  // An unread body would keep its source open.
  response.body.cancel().catch(() => {})
  return new Response(null, response)
}

function assertSendable(response: Response): Response {
  if (response.status === 0)
    throw new TypeError("Response.error() was returned, which has no status to send.")
  if (!response.bodyUsed) return response
  throw new TypeError(
    "The body of the returned response is already used. Pass on a copy, response.clone(), and return the original.",
  )
}

function failure(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json({ error: { code, message } }, { status, headers })
}
