import type { IncomingMessage } from "node:http"

/** What a request is for, as the server takes it (RFC 9112, section 3.3). */
export interface Target {
  /** Host name and, where there is one, port, as URLs spell them. */
  readonly authority: string
  /** Path and query as they came. */
  readonly path: string
}

/** A request whose target or Host field is not allowed; the message says what is wrong. */
export class BadTarget extends Error {}

const AUTHORITY = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d*)?$/i
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i

/**
 * Reads the target and the Host field of a request. The authority of a target in absolute form
 * takes the place of Host (RFC 9112, section 3.2.2), which has to be there once all the same
 * (section 3.2); only HTTP/1.0 may leave it out.
 *
 * @throws BadTarget
 */
export function readTarget(incoming: IncomingMessage): Target {
  const { url = "" } = incoming
  const field = hostField(incoming)
  if (url.startsWith("/")) {
    if (field === undefined) throw new BadTarget("A request must have a Host field.")
    return { authority: field, path: url }
  }
  const [, authority, path = ""] = ABSOLUTE.exec(url) ?? []
  if (authority === undefined) {
    throw new BadTarget("The target of a request must be a path, or an absolute http: URL.")
  }
  return { authority: readAuthority(authority), path: path.startsWith("/") ? path : `/${path}` }
}

/**
 * Has the request say of its target and Host what the server takes them for, so that nobody reads
 * anything else.
 */
export function rewrite(incoming: IncomingMessage, { authority, path }: Target): void {
  const { rawHeaders } = incoming
  const at = rawHeaders.findIndex(isHost)
  if (at === -1) rawHeaders.push("Host", authority)
  else rawHeaders[at + 1] = authority
  incoming.headers.host = authority
  incoming.url = path
}

function hostField({ rawHeaders, httpVersion }: IncomingMessage): string | undefined {
  const values = rawHeaders.filter(
    (_, at) => at > 0 && isHost(rawHeaders[at - 1] as string, at - 1),
  )
  if (values.length > 1) throw new BadTarget("A request must have no more than one Host field.")
  const [value] = values
  if (value !== undefined) return readAuthority(value)
  if (httpVersion === "1.0") return undefined
  throw new BadTarget("A request must have a Host field.")
}

/**
 * Whether a field named Host begins at this place of the raw header, where names and values take
 * turns.
 */
function isHost(text: string, at: number): boolean {
  return at % 2 === 0 && text.toLowerCase() === "host"
}

function readAuthority(text: string): string {
  const url = `http://${text}`
  if (!AUTHORITY.test(text) || !URL.canParse(url)) {
    throw new BadTarget(
      "The host of a request must be a host name or an IP address, with or without a port.",
    )
  }
  return new URL(url).host
}
