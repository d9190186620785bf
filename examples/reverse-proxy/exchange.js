/** The client's side of a request, passed through the cache to the upstream's client. */
class Exchange {
  /** Path and query of the request, unchanged. */
  path
  /** Aborts when the client has disconnected. */
  signal
  #req
  #res
  #isHeldBack

  /** @param isHeldBack whether the client waits for a 100 before it sends its content */
  constructor(req, res, isHeldBack) {
    this.signal = signalOf(req, res)
    this.#req = req
    this.#res = res
    this.#isHeldBack = isHeldBack
  }

  /**
   * Called when the content is read. If it never is, a client that waits for a 100 does not send
   * it. Node then closes the connection, on which content may follow or not.
   */
  begin() {
    if (this.#isHeldBack && !this.#res.headersSent) this.#res.writeContinue()
    this.#isHeldBack = false
  }

  /**
   * Sends an informational response. Does nothing after the response, for example if the upstream
   * refreshes a stale response that was served, and for HTTP/1.0, which has none (RFC 9110, section
   * 15.2).
   *
   * Written to the socket, because Node has calls for 100, 102 and 103 only, and requires a `Link`
   * in a 103.
   */
  inform(status, pairs) {
    const { socket, headersSent } = this.#res
    if (status < 100 || headersSent || !socket?.writable || this.#req.httpVersion === "1.0") return
    const lines = pairs.map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`HTTP/1.1 ${status} \r\n${lines.join("")}\r\n`, "latin1")
  }
}

/**
 * Observes the connection, because a pipelined response that is not being sent yet gets no `close`
 * event. Any number of them may wait.
 */
function signalOf({ socket }, res) {
  const gone = new AbortController()
  const leave = () => gone.abort()
  socket.setMaxListeners(0).once("close", leave)
  res.once("close", () => socket.off("close", leave))
  return gone.signal
}

module.exports = { Exchange }
