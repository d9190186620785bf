/**
 * Fields of one connection (RFC 9110, section 7.6.1), which are not forwarded. `Proxy-Authenticate`
 * and `Proxy-Authorization` are: a reverse proxy is the origin for its clients, so these fields are
 * for a proxy behind it.
 */
const OF_CONNECTION = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

const PSEUDONYM = "layeron"

/**
 * The fields to forward, as pairs of name and value.
 *
 * @param raw names and values in turn, as strings or buffers; each byte becomes one character, so
 *   that it is forwarded unchanged
 */
function endToEnd(raw) {
  const pairs = []
  for (let at = 0; at < raw.length; at += 2) {
    pairs.push([raw[at].toString("latin1").toLowerCase(), raw[at + 1].toString("latin1")])
  }
  const named = namedByConnection(pairs)
  return pairs.filter(([name]) => !OF_CONNECTION.has(name) && !named.has(name))
}

/** Names in `Connection`, whose fields are those of the connection too. */
function namedByConnection(pairs) {
  const options = pairs
    .filter(([name]) => name === "connection")
    .flatMap(([, value]) => value.split(","))
  return new Set(options.map((option) => option.trim().toLowerCase()))
}

/** The registered transfer codings beside `chunked` (RFC 9112, section 7). */
const CODINGS = new Set(["compress", "deflate", "gzip", "x-compress", "x-gzip"])

/**
 * Whether an answer has a transfer coding that would have to be decoded, since `Transfer-Encoding`
 * is not forwarded. An unregistered one does not count: such content ends with the connection (RFC
 * 9112, section 6.3), and is forwarded unchanged.
 */
function isCoded({ "transfer-encoding": codings = "" }) {
  return String(codings)
    .split(",")
    .some((coding) => CODINGS.has(coding.trim().toLowerCase()))
}

/**
 * Whether a message has no transfer coding but `chunked`. Any other would have to be decoded, since
 * `Transfer-Encoding` is not forwarded.
 */
function isPlainlySent({ "transfer-encoding": coding = "chunked" }) {
  return String(coding).trim().toLowerCase() === "chunked"
}

function headersOf(pairs) {
  const headers = new Headers()
  for (const [name, value] of pairs) headers.append(name, value)
  return headers
}

/** Adds this proxy to `Via` (RFC 9110, section 7.6.3). */
function addVia(headers, version) {
  headers.append("via", `${version} ${PSEUDONYM}`)
}

module.exports = { addVia, endToEnd, headersOf, isCoded, isPlainlySent }
