const { addVia, endToEnd, headersOf, isPlainlySent } = require("./fields.js")
const { Refusal } = require("./refusal.js")

/**
 * The request for the upstream. An object with the same members replaces what `Request` does not
 * accept: a TRACE, or a GET or HEAD with content.
 *
 * @throws Refusal
 */
function requestOf(req, { url, host }, exchange) {
  if (!isPlainlySent(req.headers)) throw new Refusal(501)
  const { method } = req
  const body = hasContent(req) ? contentOf(req, exchange) : null
  const init = {
    method,
    headers: requestHeaders(req, host),
    body,
    duplex: "half",
    signal: exchange.signal,
  }
  return isPlatformic(method, body) ? new Request(url, init) : { url, ...init }
}

function isPlatformic(method, body) {
  if (method === "GET" || method === "HEAD") return body === null
  return method !== "TRACE"
}

/**
 * Of the client's forwarding fields, only the addresses are forwarded, with the client's own
 * appended. Upstreams build links from the others, and responses are shared.
 */
function requestHeaders(req, host) {
  const headers = headersOf(endToEnd(req.rawHeaders))
  headers.delete("expect")
  headers.delete("forwarded")
  headers.set("host", host)
  headers.set("x-forwarded-host", host)
  headers.set("x-forwarded-proto", "http")
  headers.append("x-forwarded-for", addressOf(req.socket))
  addVia(headers, req.httpVersion)
  return headers
}

/** A server that listens to both families sees IPv4 addresses in the form of IPv6. */
function addressOf({ remoteAddress = "unknown" }) {
  return remoteAddress.replace(/^::ffff:(?=\d+\.)/, "")
}

function hasContent({ headers }) {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
}

/**
 * The content, read on demand. When it is cancelled, the rest is read and dropped: destroying the
 * request would close the connection before the answer.
 */
function contentOf(req, exchange) {
  let chunks
  return new ReadableStream(
    {
      async pull(controller) {
        exchange.begin()
        chunks ??= req.iterator({ destroyOnReturn: false })
        const { value, done } = await chunks.next()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel() {
        chunks?.return()
        req.resume()
      },
    },
    { highWaterMark: 0 },
  )
}

module.exports = { requestOf }
