const { buildConnector, Pool } = require("undici")
const { UpstreamAnswer } = require("./upstream-answer.js")

const TIMEOUTS = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT"])

/**
 * The server behind the proxy. Asked through undici's lowest call, because `fetch` decodes bodies,
 * follows redirects and lacks 1xx.
 */
class Upstream {
  #pool
  #servername

  constructor(url, timeoutMs) {
    this.#pool = new Pool(url.origin, { connect: connector(timeoutMs), headersTimeout: timeoutMs })
    // Otherwise the certificate would have to be for the host that the client has named.
    this.#servername = url.hostname
  }

  /**
   * The answer, as soon as its head is there. Rejects where there is none; a body that breaks off
   * fails.
   */
  ask(request, exchange) {
    const answer = new UpstreamAnswer(request, exchange)
    const options = {
      path: exchange.path,
      method: request.method,
      headers: fieldsOf(request),
      body: request.body,
      servername: this.#servername,
    }
    this.#pool.dispatch(options, answer)
    return answer.response
  }

  close() {
    return this.#pool.close()
  }
}

/**
 * Connects, and gives resets a code that undici does not know: it takes one for the end of a body
 * that ends with its connection, which would then be kept as if it was whole (RFC 9112, section 8).
 */
function connector(timeout) {
  const connect = buildConnector({ timeout })
  return (options, callback) =>
    connect(options, (failure, socket) => {
      socket?.on("error", (error) => {
        if (error.code === "ECONNRESET") error.code = "UPSTREAM_RESET"
      })
      callback(failure, socket)
    })
}

/**
 * A length is said of content that is sent: a cache may have left it out of the request it makes to
 * refresh an answer.
 */
function fieldsOf({ headers, body }) {
  const pairs = [...headers].filter(
    ([name, value]) => name !== "content-length" || body !== null || Number(value) === 0,
  )
  return pairs.flat()
}

function isTimeout(error) {
  return TIMEOUTS.has(error?.code)
}

module.exports = { isTimeout, Upstream }
