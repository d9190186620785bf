/**
 * undici's `caches`, the Web's Cache API. It takes requests and responses of its own classes only.
 */
import { caches, Request, Response } from "undici"

const MOST_ENTRIES = 1_000

/**
 * Each match tees the stored body once more, and a read passes through all tees.
 */
const CHAINED = "after some thousand matches of an entry, reading its body overflows the stack"

/** @returns undefined if there are too many entries for it */
export async function open({ entries }) {
  const cache = await caches.open("bench")
  return {
    refuses:
      entries > MOST_ENTRIES
        ? "every call looks at every entry: a round would take minutes"
        : undefined,
    leftOut: { text: CHAINED, json: CHAINED, buffer: CHAINED, stream: CHAINED },
    request: (url, init) => new Request(url, init),
    match: (request) => cache.match(request),
    async notModified(request) {
      const found = await cache.match(request)
      if (found?.headers.get("etag") !== request.headers.get("if-none-match")) return found
      return new Response(null, { status: 304, headers: found.headers })
    },
    response: (body, init) => new Response(body, init),
    put: (request, response) => cache.put(request, response),
    delete: (request) => cache.delete(request),
  }
}
