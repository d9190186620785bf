/** The client's side of a request, handed through the cache to whatever asks the upstream. */
class Exchange {
  /** The path and query of the request as they came. */
  path
  /** Aborts once there is nobody left to answer. */
  signal
  #req
  #res
  #isHeldBack

  /** @param isHeldBack whether the client holds its content back until it is told to continue */
  constructor(req, res, isHeldBack) {
    this.signal = signalOf(req, res)
    this.#req = req
    this.#res = res
    this.#isHeldBack = isHeldBack
  }

  /**
   * Called when the content is wanted, which it may never be: then a client that asked first is
   * spared from sending it. Node closes the connection of one that has not been told to continue,
   * because content may follow on it or not.
   */
  begin() {
    if (this.#isHeldBack && !this.#res.headersSent) this.#res.writeContinue()
    this.#isHeldBack = false
  }

  /**
   * Sends an informational response. Does nothing once there is an answer, as where the upstream is
   * asked to refresh what the client was served, nor for HTTP/1.0, which knows of none (RFC 9110,
   * section 15.2).
   *
   * Written to the socket, because Node has no call for any status but 100, 102 and 103 and wants a
   * `Link` in the last.
   */
  inform(status, pairs) {
    const { socket, headersSent } = this.#res
    if (status < 100 || headersSent || !socket?.writable || this.#req.httpVersion === "1.0") return
    const lines = pairs.map(([name, value]) => `${name}: ${value}\r\n`)
    socket.write(`HTTP/1.1 ${status} \r\n${lines.join("")}\r\n`, "latin1")
  }
}

/**
 * Goes by the connection, because a response whose turn on it has not come yet is not told that it
 * has closed. Any number of them may be waiting for theirs.
 */
function signalOf({ socket }, res) {
  const gone = new AbortController()
  const leave = () => gone.abort()
  socket.setMaxListeners(0).once("close", leave)
  res.once("close", () => socket.off("close", leave))
  return gone.signal
}

module.exports = { Exchange }
