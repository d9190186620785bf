/**
 * Fields with secrets, which the answer to a TRACE must not contain (RFC 9110, section 9.3.8).
 */
const SECRET = new Set(["authorization", "cookie", "proxy-authorization"])

/**
 * The answer to a request that is not forwarded, `undefined` for others. Not forwarded are
 * `OPTIONS *`, which is about this server, and TRACE and OPTIONS with `Max-Forwards: 0`. Decrements
 * the `Max-Forwards` of the others (RFC 9110, section 7.6.2).
 */
function answerHere(req, { path }, headers) {
  if (req.method !== "OPTIONS" && req.method !== "TRACE") return undefined
  if (path !== "*" && forwardsLeft(headers)) return undefined
  return req.method === "OPTIONS"
    ? new Response(null, { headers: { "content-length": "0" } })
    : echoOf(req)
}

function forwardsLeft(headers) {
  const text = headers.get("max-forwards")
  if (text === null || !/^\d+$/.test(text)) return true
  const left = BigInt(text)
  if (left > 0n) headers.set("max-forwards", String(left - 1n))
  return left > 0n
}

function echoOf({ method, url, httpVersion, rawHeaders }) {
  let message = `${method} ${url} HTTP/${httpVersion}\r\n`
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!SECRET.has(rawHeaders[at].toLowerCase()))
      message += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  }
  const headers = { "content-type": "message/http", "cache-control": "no-store" }
  return new Response(Buffer.from(`${message}\r\n`, "latin1"), { headers })
}

module.exports = { answerHere }
