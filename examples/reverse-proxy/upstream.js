const { buildConnector, Pool } = require("undici")
const { UpstreamAnswer } = require("./upstream-answer.js")

const TIMEOUTS = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "ETIMEDOUT"])

/**
 * The server behind the proxy. Requested with undici's `dispatch`, because `fetch` decodes bodies,
 * follows redirects and drops 1xx.
 */
class Upstream {
  #pool
  #servername

  constructor(url, timeoutMs) {
    this.#pool = new Pool(url.origin, { connect: connector(timeoutMs), headersTimeout: timeoutMs })
    // Otherwise the certificate would have to be for the client's Host.
    this.#servername = url.hostname
  }

  /**
   * Resolves to the answer when its head is received. Rejects without an answer; a body that is cut
   * off errors.
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
 * Connects, and gives resets a code that undici does not know: undici takes a reset for the end of
 * a body that ends with its connection, which would be stored as complete (RFC 9112, section 8).
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
 * A length only of content that is sent: the request of a cache that refreshes a response may have
 * no content.
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
