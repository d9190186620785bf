import { LRUCache } from "lru-cache"

/** @returns the hit ratio */
export function lru(keys, capacity) {
  const kept = new LRUCache({ max: capacity })
  let hits = 0
  for (const key of keys) {
    if (kept.get(key)) hits++
    else kept.set(key, true)
  }
  return hits / keys.length
}
