import { isStored } from "./whole.js"

/**
 * By this a cache stores nothing and lets nobody wait (RFC 9111, section 5.2.2.5), and the response
 * is known again behind it.
 */
const HELD_BACK = "no-store, layeron-held-back"

/**
 * Fields from which a cache takes its orders, the second before the first (RFC 9213, section 2.2).
 */
const ORDERS = ["cache-control", "cdn-cache-control"]

/** Where the response's own orders are until they are put back. */
const KEPT = "layeron-held-back-"

/**
 * The response in a form in which it passes through a cache to the one client that it is for. See
 * {@link released}.
 */
export function heldBack(response: Response): Response {
  const held = new Response(response.body, response)
  for (const name of ORDERS) move(held.headers, name, KEPT + name)
  held.headers.set("cache-control", HELD_BACK)
  return held
}

/** What has come out of a cache, as the handler has made it. */
export function released(response: Response): Response {
  // What is stored was never held back; and to look at its headers is to make them.
  if (isStored(response)) return response
  const { headers } = response
  if (headers.get("cache-control") !== HELD_BACK) return response
  headers.delete("cache-control")
  for (const name of ORDERS) move(headers, KEPT + name, name)
  return response
}

function move(headers: Headers, from: string, to: string): void {
  const value = headers.get(from)
  if (value === null) return
  headers.set(to, value)
  headers.delete(from)
}
