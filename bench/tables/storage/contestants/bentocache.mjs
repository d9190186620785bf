/** BentoCache on a folder, a file for each entry. Bodies are kept as text: it keeps JSON. */
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
    /** A put is in its file when it resolves. */
    flush: async () => {},
    purge: (tag) => bento.deleteByTag({ tags: [tag] }),
    removeSpare: (urls) => bento.deleteMany({ keys: urls }),
    close: () => bento.disconnect(),
  }
}
