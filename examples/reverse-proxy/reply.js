const { once } = require("node:events")
const { STATUS_CODES } = require("node:http")
const { hasNoContent } = require("./response.js")

/**
 * Sends a response. Rejects if its body fails, after it has closed the connection, and if `signal`
 * aborts because the client has disconnected, after it has cancelled the body.
 */
async function reply(res, response, signal) {
  const { status, statusText, body } = response
  const isWanted = body !== null && !signal.aborted && !hasNoContent(res.req.method, status)
  if (!isWanted) body?.cancel().catch(() => {})
  signal.throwIfAborted()
  res.writeHead(status, statusText, fieldsOf(response))
  if (isWanted) await pour(body, res, signal)
  res.end()
}

async function pour(stream, res, signal) {
  const reader = stream.getReader()
  signal.addEventListener("abort", () => reader.cancel().catch(() => {}))
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      if (!res.write(read.value)) await once(res, "drain", { signal })
    }
    signal.throwIfAborted()
  } catch (error) {
    breakOff(res)
    throw error
  }
}

/**
 * For HTTP/1.0 the end of the connection is the end of the body, unless it is reset. Others notice
 * that bytes or the last chunk are missing.
 */
function breakOff(res) {
  if (res.req.httpVersion === "1.0") res.socket?.resetAndDestroy()
  else res.destroy()
}

/** Names and values in turn. A 204 has no length (RFC 9110, section 8.6). */
function fieldsOf({ status, headers }) {
  const pairs = [...headers]
  return pairs.filter(([name]) => status !== 204 || name !== "content-length").flat()
}

/** A short text about the failure, which no cache stores. */
function refuse(res, status) {
  const text = `${status} ${STATUS_CODES[status]}\n`
  const fields = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }
  res.writeHead(status, { ...fields, "content-length": text.length })
  res.end(text)
}

module.exports = { refuse, reply }
