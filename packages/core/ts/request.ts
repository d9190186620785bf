// Methods that the platform's Request refuses; no route can be declared for them.
const REFUSED = new Set(["CONNECT", "TRACE", "TRACK"])

/**
 * A `Request` of the platform for the lightweight one of the server, which `fetch(request)` and
 * `new Request(request)` refuse.
 */
export function platformRequest(request: Request): Request {
  const { url, method, headers, signal } = request
  if (REFUSED.has(method.toUpperCase())) return request
  if (method === "GET" || method === "HEAD") return new Request(url, { method, headers, signal })
  return new Request(url, { method, headers, signal, body: request.body, duplex: "half" })
}
