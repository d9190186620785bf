/**
 * lru-cache with a Map from tags to Sets of keys, as applications purge it. A purge by prefix
 * compares all keys.
 */
import { LRUCache } from "lru-cache"

export function open() {
  const keysOf = new Map()
  const kept = new LRUCache({
    max: 2 ** 21,
    ttl: 86_400_000,
    dispose: ({ tags }, url) => untag(url, tags),
  })

  function untag(url, tags) {
    for (const each of tags) {
      const keys = keysOf.get(each)
      keys.delete(url)
      if (keys.size === 0) keysOf.delete(each)
    }
  }

  function remove(urls) {
    let removed = 0
    for (const url of urls) if (kept.delete(url)) removed++
    return removed
  }

  return {
    async put(url, response, tags) {
      const body = Buffer.from(await response.arrayBuffer())
      kept.set(url, { headers: Object.fromEntries(response.headers), body, tags })
      for (const each of tags) {
        const keys = keysOf.get(each)
        if (keys === undefined) keysOf.set(each, new Set([url]))
        else keys.add(url)
      }
    },
    purge: {
      tag: async (tag) => remove([...(keysOf.get(tag) ?? [])]),
      prefix: async (prefix) => remove([...kept.keys()].filter((url) => url.startsWith(prefix))),
    },
  }
}
