import { isStored } from "./whole.js"

/**
 * `Cache-Control` of a held-back response: a cache does not store it (RFC 9111, section 5.2.2.5),
 * and {@link released} recognises it behind the cache.
 */
const HELD_BACK = "no-store, layeron-held-back"

/** Fields that direct caches (RFC 9111, section 5.2; RFC 9213, section 2). */
const DIRECTIVES = ["cache-control", "cdn-cache-control"]

/** Prefix of the fields that keep the response's own directives. */
const KEPT_PREFIX = "layeron-held-back-"

/**
 * The response in a form that passes through a cache without being stored. See {@link released}.
 */
export function heldBack(response: Response): Response {
  const held = new Response(response.body, response)
  for (const name of DIRECTIVES) move(held.headers, name, KEPT_PREFIX + name)
  held.headers.set("cache-control", HELD_BACK)
  return held
}

/** A response from a cache with the directives of the handler restored. */
export function released(response: Response): Response {
  // A stored response was never held back, and reading its headers would build them.
  if (isStored(response)) return response
  const { headers } = response
  if (headers.get("cache-control") !== HELD_BACK) return response
  headers.delete("cache-control")
  for (const name of DIRECTIVES) move(headers, KEPT_PREFIX + name, name)
  return response
}

function move(headers: Headers, from: string, to: string): void {
  const value = headers.get(from)
  if (value === null) return
  headers.set(to, value)
  headers.delete(from)
}
