/**
 * lru-cache with tags as applications add them: two Maps of Sets, from tags to keys and from keys
 * to tags.
 */
import { LRUCache } from "lru-cache"

export async function open(entries) {
  const keysOf = new Map()
  const tagsOf = new Map()
  const kept = new LRUCache({ max: entries, ttl: 86_400_000, dispose: (_value, url) => untag(url) })

  function tag(url, tags) {
    tagsOf.set(url, new Set(tags))
    for (const each of tags) {
      const keys = keysOf.get(each)
      if (keys === undefined) keysOf.set(each, new Set([url]))
      else keys.add(url)
    }
  }

  function untag(url) {
    for (const each of tagsOf.get(url) ?? []) {
      const keys = keysOf.get(each)
      keys.delete(url)
      if (keys.size === 0) keysOf.delete(each)
    }
    tagsOf.delete(url)
  }

  return {
    async read(url) {
      const found = kept.get(url)
      return found && new Response(found.body, found).text()
    },
    async put(url, response, tags) {
      const body = Buffer.from(await response.arrayBuffer())
      kept.set(url, {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body,
      })
      tag(url, tags)
    },
    held: async () => ({ entries: kept.size }),
    keyOf: (url) => url,
  }
}
