import type * as native from "./native.js"

/** What a request asks of one representation, which the run for all is not about. */
const CONDITIONS = ["if-none-match", "if-modified-since", "if-range", "range"]

/**
 * The request that a handler is run with for all who want the same: without the conditions of the one client, with those of what is
 * stored (RFC 9111, section 4.3.1), and with a signal of its own, because it goes on when the client has gone.
 */
export function handlerRequest(
  request: Request,
  { etag, lastModified }: native.BindingRun,
  signal: AbortSignal,
): Request {
  const headers = new Headers(request.headers)
  for (const name of CONDITIONS) headers.delete(name)
  if (etag !== undefined) headers.set("if-none-match", etag)
  if (lastModified !== undefined) headers.set("if-modified-since", lastModified)
  const { method, redirect } = request
  return new Request(request.url, { method, headers, signal, redirect, ...bodyOf(request) })
}

/** A method with a body is run for all only where a rule lists it. */
function bodyOf({ method, body }: Request): RequestInit {
  return method === "GET" || body == null ? {} : ({ body, duplex: "half" } as RequestInit)
}
