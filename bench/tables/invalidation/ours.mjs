import { cache } from "../../../index.mjs"

export function open(name) {
  const instance = cache({ name, ttlSeconds: 86_400, storage: { memory: { maxBytes: 2 ** 33 } } })
  return {
    put: (url, response, tags) => instance.put(url, response, { tags }),
    purge: { tag: (tag) => purged({ tags: [tag] }), prefix: (prefix) => purged({ prefix }) },
  }

  async function purged(selector) {
    return (await instance.purge(selector)).purged
  }
}
