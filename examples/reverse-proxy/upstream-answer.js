const { addVia, endToEnd, headersOf, isCoded } = require("./fields.js")
const { hasNoContent, responseOf } = require("./response.js")

/**
 * Bytes of a body that are buffered for its reader. Beyond them the upstream has to wait.
 */
const AHEAD = new ByteLengthQueuingStrategy({ highWaterMark: 65_536 })

/**
 * Receives an answer from undici (its `DispatchHandler`) and makes a `Response` from it. Drops
 * trailers.
 */
class UpstreamAnswer {
  /** Resolves with the head. */
  response
  #resolve
  #reject
  #method
  #signal
  #inform
  /** Pauses, resumes and aborts the answer. Undefined until there is a connection. */
  #controls
  #body

  constructor({ method, signal }, exchange) {
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.#method = method
    this.#signal = signal
    this.#inform = (status, pairs) => exchange.inform(status, pairs)
    if (signal.aborted) this.#abort()
    else signal.addEventListener("abort", this.#abort)
  }

  onRequestStart(controls) {
    this.#controls = controls
    if (this.#signal.aborted) this.#abort()
  }

  onResponseStart(controls, status, fields, reason = "") {
    const pairs = endToEnd(controls.rawHeaders)
    if (status < 200) return this.#inform(status, pairs)
    if (isCoded(fields)) throw new Error("The answer has a transfer coding that nobody asked for")
    const headers = headersOf(pairs)
    addVia(headers, "1.1")
    // A recipient with a clock adds a missing Date to a response that it stores (RFC 9110, section
    // 6.6.1).
    if (!headers.has("date")) headers.set("date", new Date().toUTCString())
    // Unlike other responses without content, a 205 is framed as if it had some (RFC 9110, section
    // 15.3.6).
    if (status === 205) headers.set("content-length", "0")
    const body = hasNoContent(this.#method, status) ? null : this.#openBody()
    this.#resolve(responseOf(body, { status, statusText: bytesOf(reason), headers }))
  }

  onResponseData(controls, chunk) {
    this.#body?.enqueue(chunk)
    if (this.#body?.desiredSize <= 0) controls.pause()
  }

  onResponseEnd() {
    this.#signal.removeEventListener("abort", this.#abort)
    this.#body?.close()
  }

  onResponseError(_controls, error) {
    this.#signal.removeEventListener("abort", this.#abort)
    this.#reject(error)
    this.#body?.error(error)
  }

  #abort = () => {
    this.#controls?.abort(this.#signal.reason)
    this.#reject(this.#signal.reason)
  }

  #openBody() {
    const source = {
      start: (body) => {
        this.#body = body
      },
      pull: () => this.#controls.resume(),
      cancel: (reason) => {
        this.#body = undefined
        this.#controls.abort(reason ?? new Error("The body is not wanted"))
      },
    }
    return new ReadableStream(source, AHEAD)
  }
}

/** undici reads reason phrases as UTF-8. A `Response` takes one character for each byte. */
function bytesOf(text) {
  return Buffer.from(text).toString("latin1")
}

module.exports = { UpstreamAnswer }
