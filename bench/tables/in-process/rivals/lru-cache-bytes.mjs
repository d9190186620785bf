import { keepBytes } from "./keep.mjs"
import { lruCache } from "./lru-cache.mjs"

export const open = (size) => lruCache(size, keepBytes)
