/** The rivals by what they are called in the table. */
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

/** What the targets speak of. */
export const JUDGED = ["lru-cache, bytes", "lru-cache, text"]
export const FLOOR = "new Response"
