import { BentoCache, bentostore } from "bentocache"
import { memoryDriver } from "bentocache/drivers/memory"
import { keepBytes, revalidate, revive } from "./keep.mjs"

export function open({ entries }) {
  // Without serialisation, which is fastest without a second layer.
  const driver = memoryDriver({ maxItems: 2 * entries, serialize: false })
  const bento = new BentoCache({
    default: "memory",
    stores: { memory: bentostore().useL1Layer(driver) },
    ttl: "1h",
  })
  return {
    async match(request) {
      const found = await bento.get({ key: request.url })
      return found && revive(found)
    },
    async notModified(request) {
      const found = await bento.get({ key: request.url })
      return found && revalidate(found, request)
    },
    async put(request, response) {
      await bento.set({ key: request.url, value: await keepBytes(response) })
    },
    delete: (request) => bento.delete({ key: request.url }),
  }
}
