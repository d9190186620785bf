import type { IncomingMessage } from "node:http"

/** The target of a request (RFC 9112, section 3.3). */
export interface Target {
  /** Host name and optional port, as URLs spell them. */
  readonly authority: string
  /** Path and query, unchanged. */
  readonly path: string
}

/** A target or Host field that is not allowed, with a message for the client. */
export class BadTarget extends Error {}

const AUTHORITY = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+,;=%-]+)(?::\d*)?$/i
const ABSOLUTE = /^http:\/\/([^/?#]*)(.*)$/i

/**
 * Reads the target and the Host field of a request. The authority of an absolute target replaces
 * Host (RFC 9112, section 3.2.2). Exactly one Host field is required even then (section 3.2),
 * except in HTTP/1.0.
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

/** Writes the target into the URL and the Host field of the request, so that all readers agree. */
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

/** Whether a text of the raw header, which has names at even places, is the name Host. */
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
