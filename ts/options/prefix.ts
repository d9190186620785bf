import { wrong } from "./check.js"

/**
 * Stands for the text that may follow a prefix, so that a parser does not take its last part for a
 * complete one. No hexadecimal digit.
 */
const SENTINEL = "x"

const SCHEMES = ["https://", "http://"]
const DEFAULT_PORTS: Record<string, string> = { "https://": "443", "http://": "80" }

/**
 * The beginnings of the keys that a prefix selects: normalised as a URL, with the host in lower
 * case, without default port, percent-encoded, with escapes in upper case and sorted query
 * parameters. Keys keep the escapes of their request's path, so a prefix with lower-case ones
 * selects these too. Throws if no key of the namespace can begin with it.
 */
export function keyPrefixes(path: string, given: string, namespace: string): readonly string[] {
  const text = given.replace(/[\t\n\r]/g, "").trimStart()
  const [url, suffix] = splitAt(text, text.indexOf("#"))
  if (suffix !== "" && (!overlaps(suffix, `#${namespace};`) || suffix.includes("#", 1))) {
    throw invalidPrefix(path, given, `no key has '${suffix}' after its URL`)
  }
  const spellingsOfUrl = spellings(url, suffix !== "")
  if (spellingsOfUrl === undefined) {
    throw invalidPrefix(
      path,
      given,
      "a key begins with an http: or https: URL, and a path with '/'",
    )
  }
  return spellingsOfUrl.map((spelling) => spelling + suffix)
}

function invalidPrefix(path: string, given: string, why: string): TypeError {
  return wrong(path, `the beginning of a key, or of a path (${why})`, given)
}

/** Whether a text that begins with one can begin with the other. */
function overlaps(one: string, other: string): boolean {
  return one.startsWith(other) || other.startsWith(one)
}

function splitAt(text: string, at: number): [string, string] {
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)]
}

/** Spellings of a URL prefix; `isComplete` says that the URL ends with it. */
function spellings(url: string, isComplete: boolean): string[] | undefined {
  if (url.startsWith("/")) return targetSpellings(url, isComplete)
  const scheme = SCHEMES.find((known) => url.toLowerCase().startsWith(known))
  if (scheme === undefined) {
    const lower = url.toLowerCase()
    const isBeginning =
      lower !== "" && !isComplete && SCHEMES.some((known) => known.startsWith(lower))
    return isBeginning ? [lower] : undefined
  }
  const rest = url.slice(scheme.length)
  const end = rest.search(/[/?\\]/)
  if (end < 0 && !isComplete) return authoritySpellings(scheme, rest)
  const [authority, target] = splitAt(rest, end)
  const origin = authority === "" ? undefined : originOf(`${scheme}${authority}`)
  return origin === undefined
    ? undefined
    : targetSpellings(target, isComplete).map((spelling) => origin + spelling)
}

/** Scheme, user, host and port as a URL has them; `undefined` if there is no such URL. */
function originOf(text: string): string | undefined {
  try {
    return new URL(`${text}/`).href.slice(0, -1)
  } catch {
    return undefined
  }
}

/** An authority that ends the prefix, perhaps within the host or the port. */
function authoritySpellings(scheme: string, authority: string): string[] | undefined {
  if (authority === "") return [scheme]
  const at = authority.lastIndexOf("@")
  if (at >= 0) {
    const user = originOf(`${scheme}${authority.slice(0, at)}@h`)?.slice(0, -1)
    const hosts =
      user === undefined ? undefined : authoritySpellings(scheme, authority.slice(at + 1))
    return hosts?.map((host) => user + host.slice(scheme.length))
  }
  const port = /:(\d*)$/.exec(authority)
  if (port !== null && !/^\[[^\]]*$/.test(authority)) {
    return portSpellings(scheme, authority.slice(0, port.index), port[1] ?? "")
  }
  const host = authority.startsWith("[") ? partialAddress(authority) : partialName(authority)
  return host === undefined ? undefined : [scheme + host]
}

function portSpellings(scheme: string, host: string, digits: string): string[] | undefined {
  const origin = originOf(scheme + host)
  if (origin === undefined) return undefined
  const port = digits.replace(/^0+(?=\d)/, "")
  if (Number(port) > 65_535) return undefined
  const withPort = `${origin}:${port}`
  // With the default port, it is also the whole authority of keys, which omit it.
  return port === DEFAULT_PORTS[scheme] ? [`${origin}/`, withPort] : [withPort]
}

function partialAddress(host: string): string | undefined {
  if (host.endsWith("]")) return originOf(`http://${host}`)?.slice("http://".length)
  return /^\[[0-9a-f:.]*$/i.test(host) ? host.toLowerCase() : undefined
}

/**
 * A host name that may end within a label. One that is not ASCII is complete: part of it encodes to
 * something else.
 */
function partialName(host: string): string | undefined {
  const [labels, last] = splitAt(host, host.lastIndexOf(".") + 1)
  const isAscii = (text: string) => /^[!$&-.0-;=A-Z_a-z~]*$/.test(text)
  if (isAscii(host)) return host.toLowerCase()
  if (!isAscii(last)) return originOf(`http://${host}`)?.slice("http://".length)
  const whole = originOf(`http://${labels}a`)?.slice("http://".length, -1)
  return whole === undefined ? undefined : whole + last.toLowerCase()
}

/** Path and query, from the path's slash on. */
function targetSpellings(target: string, isComplete: boolean): string[] {
  const [path, query] = splitAt(target, target.indexOf("?"))
  const paths = pathSpellings(path, isComplete || query !== "")
  if (query === "") return paths
  const queries = querySpellings(query.slice(1), isComplete)
  return paths.flatMap((spelling) => queries.map((text) => spelling + text))
}

function pathSpellings(path: string, isComplete: boolean): string[] {
  const more = isComplete ? "" : SENTINEL
  const { pathname } = new URL(`http://a${path === "" && !isComplete ? "/" : path}${more}`)
  const serialized = pathname.slice(0, pathname.length - more.length)
  const upper = serialized.replace(/%[0-9a-f]{1,2}/gi, (found) => found.toUpperCase())
  return upper === serialized ? [serialized] : [upper, serialized]
}

/** A query with its question mark. */
function querySpellings(query: string, isComplete: boolean): string[] {
  const pairs = new URL(`http://a/?${query}${SENTINEL}`).search
    .slice(1, -SENTINEL.length)
    .split("&")
  const last = isComplete ? "" : (pairs.pop() ?? "")
  const whole = pairs.filter((pair) => pair !== "").map(parseParameter)
  const greatest = sorted(whole).at(-1)?.name ?? ""
  const partial = parseParameter(last)
  const isPartOfGreatest = !last.includes("=") && greatest.startsWith(partial.name)
  if (last !== "" && partial.name < greatest && !isPartOfGreatest)
    return [serialized([...whole, partial])]
  const before =
    whole.length === 0 ? (isComplete ? "" : "?") : serialized(whole) + (isComplete ? "" : "&")
  return partialParameters(last).map((spelling) => before + spelling)
}

interface Parameter {
  readonly name: string
  readonly text: string
}

function sorted(parameters: readonly Parameter[]): Parameter[] {
  return [...parameters].sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))
}

function serialized(parameters: readonly Parameter[]): string {
  return `?${sorted(parameters)
    .map(({ text }) => text)
    .join("&")}`
}

/** A query parameter as keys have it: one that is not UTF-8 keeps its text. */
function parseParameter(pair: string): Parameter {
  const [rawName, rawValue] = splitAt(pair, pair.indexOf("="))
  const [name, value] = [decoded(rawName), decoded(rawValue.slice(1))]
  if (name === undefined || value === undefined) return { name: rawName, text: pair }
  return { name, text: new URLSearchParams([[name, value]]).toString() }
}

/**
 * Spellings of a parameter that begins with this text, which may end within an escape or within the
 * escapes of a character.
 */
function partialParameters(pair: string): string[] {
  const ends = /(?:%[0-9a-f]{2}){0,3}(?:%[0-9a-f]?)?$/i.exec(pair)?.[0] ?? ""
  const found = new Set<string>()
  for (let kept = pair.length - ends.length; kept <= pair.length; kept++) {
    const [body, end] = splitAt(pair, kept)
    if (!/^(?:%[0-9a-f]{2})*(?:%[0-9a-f]?)?$/i.test(end) || /%[0-9a-f]?$/i.test(body)) continue
    found.add(partialParameter(body) + end.toUpperCase())
  }
  return [...found.add(pair)]
}

function partialParameter(pair: string): string {
  const { text } = parseParameter(pair)
  return pair.includes("=") || text === pair ? text : text.slice(0, -1)
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " ").replace(/%(?![0-9a-f]{2})/gi, "%25"))
  } catch {
    return undefined
  }
}
