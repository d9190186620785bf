import { keep } from "./keep.mjs"
import { lruCache } from "./lru-cache.mjs"

export const open = (size) =>
  lruCache(size, async (response) => keep(response, await response.text()))
