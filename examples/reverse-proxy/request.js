const { addVia, endToEnd, headersOf, isPlainlySent } = require("./fields.js")
const { Refusal } = require("./refusal.js")

/**
 * The request as the upstream is to get it. What `Request` cannot be is an object with the same
 * members: a TRACE, or a GET or HEAD with content.
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
 * Of what a client says about the way it has come only the addresses are passed on, with its own
 * behind them. The rest would be believed by upstreams that build links from it, and responses are
 * shared.
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

/** An IPv4 address looks like one of IPv6 where a server listens to both. */
function addressOf({ remoteAddress = "unknown" }) {
  return remoteAddress.replace(/^::ffff:(?=\d+\.)/, "")
}

function hasContent({ headers }) {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0
}

/**
 * The content as it is asked for. Giving it up lets the rest run by instead of destroying the
 * request, which would take the connection and the answer along.
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
