import { Cacheable, createKeyv } from "cacheable"
import { keepBytes, revalidate, revive } from "./keep.mjs"

export function open({ entries }) {
  // Without copies of values, which is fastest.
  const primary = createKeyv({ useClone: false, lruSize: 2 * entries })
  const cacheable = new Cacheable({ primary, ttl: "1h" })
  return {
    async match(request) {
      const found = await cacheable.get(request.url)
      return found && revive(found)
    },
    async notModified(request) {
      const found = await cacheable.get(request.url)
      return found && revalidate(found, request)
    },
    async put(request, response) {
      await cacheable.set(request.url, await keepBytes(response))
    },
    delete: (request) => cacheable.delete(request.url),
  }
}
