const { createServer } = require("node:http")
const { Exchange } = require("./exchange.js")
const { answerHere } = require("./last-stop.js")
const { Refusal } = require("./refusal.js")
const { refuse, reply } = require("./reply.js")
const { requestOf } = require("./request.js")
const { readUpstream } = require("./settings.js")
const { isSaidByUrl, readTarget } = require("./target.js")
const { isTimeout, Upstream } = require("./upstream.js")

const NO_TUNNEL = "HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

/** See index.d.ts. */
function createProxy({ upstream, cache, timeoutMs = 30_000, onError = () => {} }) {
  const behind = new Upstream(readUpstream(String(upstream)), timeoutMs)
  const ask = (request, exchange) => behind.ask(request, exchange)
  const askCached = cache.wrap(ask)

  async function serve(req, res, isHeldBack) {
    const exchange = new Exchange(req, res, isHeldBack)
    try {
      const response = await answer(req, exchange)
      // While the server closes, its connections take no further requests.
      if (!server.listening) res.shouldKeepAlive = false
      await reply(res, response, exchange.signal)
    } catch (error) {
      if (exchange.signal.aborted) return
      if (!(error instanceof Refusal)) onError(error, `${req.method} ${req.url}`)
      if (!res.headersSent) refuse(res, statusOf(error))
    }
  }

  async function answer(req, exchange) {
    const target = readTarget(req)
    exchange.path = target.path
    const request = requestOf(req, target, exchange)
    const here = answerHere(req, target, request.headers)
    if (here !== undefined) return here
    return isForCache(request, target) ? askCached(request, exchange) : ask(request, exchange)
  }

  // A missing Host is refused like an invalid one.
  const server = createServer({ requireHostHeader: false }, (req, res) => serve(req, res, false))
  server.on("checkContinue", (req, res) => serve(req, res, true))
  server.on("connect", (_req, socket) => refuseTunnel(socket))
  return server.on("close", () => behind.close())
}

/**
 * Requests that `Request` does not accept bypass the cache. If the URL does not represent the whole
 * target, writes still pass through the cache, to invalidate; reads bypass it.
 */
function isForCache(request, target) {
  if (!(request instanceof Request)) return false
  return isSaidByUrl(target) || !["GET", "HEAD"].includes(request.method)
}

/** The handler of a CONNECT owns its connection, with its errors and its end. */
function refuseTunnel(socket) {
  socket.on("error", () => {})
  socket.end(NO_TUNNEL, () => socket.destroy())
}

function statusOf(error) {
  if (error instanceof Refusal) return error.status
  return isTimeout(error) ? 504 : 502
}

module.exports = { createProxy }
