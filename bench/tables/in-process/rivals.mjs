/** The rivals by their name in the table. */
export const RIVALS = {
  "lru-cache, bytes": "lru-cache-bytes",
  "lru-cache, text": "lru-cache-text",
  "undici CacheStorage": "cache-storage",
  "undici MemoryCacheStore": "memory-cache-store",
  BentoCache: "bentocache",
  ocache: "ocache",
  cacheable: "cacheable",
  "new Response": "none",
}

/** Rows that have a target. */
export const JUDGED = ["lru-cache, bytes", "lru-cache, text"]
export const FLOOR = "new Response"
