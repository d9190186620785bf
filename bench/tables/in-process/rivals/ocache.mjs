/** Wraps a handler, which runs on a miss: a put is a call whose handler returns the response. */
import { createMemoryStorage, defineCachedHandler } from "ocache"

export function open({ entries }) {
  let atHand
  const cached = defineCachedHandler(() => atHand, {
    name: "bench",
    maxAge: 3_600,
    cacheStatusHeader: false,
    storage: createMemoryStorage({ maxSize: 2 * entries, maxBytes: Number.POSITIVE_INFINITY }),
  })
  return {
    match: (request) => cached({ req: request }),
    notModified: (request) => cached({ req: request }),
    async put(request, response) {
      atHand = response
      await cached({ req: request })
    },
    delete: (request) => cached.invalidate({ req: request }),
    leftOut: { miss: "a miss runs the handler and stores; see put" },
  }
}
