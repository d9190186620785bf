/** BentoCache with one file per entry. Bodies are stored as text, because it stores JSON. */
import { BentoCache, bentostore } from "bentocache"
import { fileDriver } from "bentocache/drivers/file"

export function open({ folder }) {
  const driver = fileDriver({ directory: folder, pruneInterval: false })
  const bento = new BentoCache({
    default: "files",
    stores: { files: bentostore().useL2Layer(driver) },
    ttl: "1d",
  })
  return {
    async match(url) {
      const found = await bento.get({ key: url })
      return found && new Response(found.body, found)
    },
    async put(url, response, tags) {
      const { status, headers } = response
      const value = { status, headers: Object.fromEntries(headers), body: await response.text() }
      await bento.set({ key: url, value, tags })
    },
    /** A put resolves when its file is written. */
    flush: async () => {},
    purge: (tag) => bento.deleteByTag({ tags: [tag] }),
    removeSpare: (urls) => bento.deleteMany({ keys: urls }),
    close: () => bento.disconnect(),
  }
}
