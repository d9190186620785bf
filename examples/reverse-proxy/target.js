const { Refusal } = require("./refusal.js")

const HOST = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d*)?$/i
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i

/**
 * The target of a request (RFC 9112, section 3.3).
 *
 * @returns `host` as URLs spell it, `path` with the query, unchanged, and the `url` of both
 * @throws Refusal
 */
function readTarget(req) {
  // In absolute form the Host field has no effect, but exactly one is required.
  const field = readHost(hostField(req.rawHeaders))
  if (req.url === "*" && req.method === "OPTIONS") return targetOf(field, "*")
  if (req.url.startsWith("/")) return targetOf(field, req.url)
  const [, authority, rest] = ABSOLUTE.exec(req.url) ?? []
  if (authority === undefined) throw new Refusal(400)
  return targetOf(readHost(authority), rest.startsWith("/") ? rest : `/${rest}`)
}

/** The value of the Host field. @throws Refusal unless there is exactly one */
function hostField(rawHeaders) {
  const values = rawHeaders.filter(
    (_, at) => at % 2 === 1 && rawHeaders[at - 1].toLowerCase() === "host",
  )
  if (values.length !== 1) throw new Refusal(400)
  return values[0]
}

/**
 * The host as URLs spell it. The upstream gets the same, so that two spellings with one key are one
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
 * Whether a URL represents the whole target. If it is normalised, because a fragment is removed or
 * `/a/../b` becomes `/b`, the answer to one target could be stored for another.
 */
function isSaidByUrl({ url }) {
  return !url.includes("#") && new URL(url).href === url
}

module.exports = { isSaidByUrl, readTarget }
