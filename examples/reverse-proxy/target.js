const { Refusal } = require("./refusal.js")

const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d*)?$/i
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i

/**
 * What a request is for (RFC 9112, section 3.3).
 *
 * @returns `host` as URLs spell it, `path` with the query to the letter as it came, and the `url`
 *   of both
 * @throws Refusal
 */
function readTarget(req) {
  // Of a request in absolute form the Host field does not count, but it has to be there and be one.
  const field = readHost(hostField(req.rawHeaders))
  if (req.url === "*" && req.method === "OPTIONS") return targetOf(field, "*")
  if (req.url.startsWith("/")) return targetOf(field, req.url)
  const [, authority, rest] = ABSOLUTE.exec(req.url) ?? []
  if (authority === undefined) throw new Refusal(400)
  return targetOf(readHost(authority), rest.startsWith("/") ? rest : `/${rest}`)
}

/** The value of the one Host field. @throws Refusal where there is none, or more */
function hostField(rawHeaders) {
  const values = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1].toLowerCase() === "host",
  )
  if (values.length !== 1) throw new Refusal(400)
  return values[0]
}

/**
 * The host as URLs spell it. The upstream is told the same, so that two names of one key are one
 * name there as well.
 */
function readHost(text) {
  const url = `http://${text}`
  if (!HOST.test(text) || !URL.canParse(url)) throw new Refusal(400)
  return new URL(url).host
}

function targetOf(host, path) {
  return { host, path, url: `http://${host}${path === "*" ? "/" : path}` }
}

/**
 * Whether a URL says all of the target. Where it would be spelled otherwise, by a fragment that is
 * left out or by `/a/../b` that becomes `/b`, the answer to one target could be stored for another.
 */
function isSaidByUrl({ url }) {
  return !url.includes("#") && new URL(url).href === url
}

module.exports = { isSaidByUrl, readTarget }
