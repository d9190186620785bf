import { createHash, randomBytes } from "node:crypto"

/** Requests with these fields equal no other request, even with the same values. */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"]

/**
 * A hash of all header fields of a request. A handler that failed for one request is run for
 * another whose fields differ. A request with credentials never gets the failure of another, so its
 * fingerprint equals no other.
 */
export function fingerprintOf({ headers }: Request): string {
  return `(${hasCredentials(headers) ? randomBytes(8).toString("hex") : hashOf(headers)})`
}

/** Whether the handler's response to the request may be for its client only. */
export function hasCredentials(headers: Headers): boolean {
  return CREDENTIALS.some((name) => headers.has(name))
}

function hashOf(headers: Headers): string {
  const hash = createHash("sha256")
  for (const [name, value] of headers) hash.update(`${name}:${value}\n`)
  return hash.digest("hex").slice(0, 16)
}
