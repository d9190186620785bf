import { cache } from "../../../../index.mjs"
import { SPARE } from "../world.mjs"

/**
 * Room for about a thousand entries, so that a match of one that was not used lately reads from the
 * disk.
 */
const HARDLY_ANY = 2 ** 22
const MUCH = 2 ** 32

/** @param folder undefined for memory alone */
export function open({ folder, inMemory = false }) {
  const memory = { maxBytes: inMemory || folder === undefined ? MUCH : HARDLY_ANY }
  const disk = folder === undefined ? {} : { path: folder, maxDiskBytes: 2 ** 33 }
  const name = folder === undefined ? "memory" : "disk"
  const instance = cache({ name, ttlSeconds: 86_400, storage: { ...disk, memory } })
  return {
    match: (url) => instance.match(url),
    put: (url, response, tags) => instance.put(url, response, { tags }),
    /**
     * A purge is written after all earlier puts, even if it selects nothing.
     */
    flush: () => instance.purge({ tags: ["nothing has this"] }),
    purge: (tag) => instance.purge({ tags: [tag] }),
    removeSpare: () => instance.purge({ prefix: SPARE }),
    async held() {
      const { disk, entries } = await instance.inspect()
      return disk?.entries ?? entries
    },
    close: () => instance.close(),
  }
}
