/** lru-cache, and a `Response` made from its values. */
import { LRUCache } from "lru-cache"
import { revalidate, revive } from "./keep.mjs"

/** @param keep makes a value from a response */
export function lruCache({ entries }, keep) {
  const kept = new LRUCache({ max: 2 * entries, ttl: 3_600_000 })
  return {
    match(request) {
      const found = kept.get(request.url)
      return found && revive(found)
    },
    notModified(request) {
      const found = kept.get(request.url)
      return found && revalidate(found, request)
    },
    async put(request, response) {
      kept.set(request.url, await keep(response))
    },
    delete: (request) => kept.delete(request.url),
  }
}
