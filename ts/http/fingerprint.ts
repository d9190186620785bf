import { createHash, randomBytes } from "node:crypto"

/** Requests with these are told apart from every other, even from one that looks the same. */
const CREDENTIALS = ["authorization", "cookie", "proxy-authorization"]

/**
 * A hash of all header fields of a request, as it crosses into the addon. A handler that failed for
 * one request is run for another one whose fields differ. A request with credentials never gets the
 * failure of another request, so its fingerprint equals no other.
 */
export function fingerprintOf({ headers }: Request): string {
  return `(${hasCredentials(headers) ? randomBytes(8).toString("hex") : hashOf(headers)})`
}

/** Whether what a handler makes of a request may be for its client alone. */
export function hasCredentials(headers: Headers): boolean {
  return CREDENTIALS.some((name) => headers.has(name))
}

function hashOf(headers: Headers): string {
  const hash = createHash("sha256")
  for (const [name, value] of headers) hash.update(`${name}:${value}\n`)
  return hash.digest("hex").slice(0, 16)
}
