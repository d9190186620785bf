import { cache } from "../../../../index.mjs"

export function open({ entries, bytes }) {
  const instance = cache({
    name: "in-process",
    ttlSeconds: 3_600,
    storage: { memory: { maxBytes: 2 ** 28 + 2 * entries * (bytes + 2_048) } },
  })
  return {
    match: (request) => instance.match(request),
    notModified: (request) => instance.match(request),
    put: (request, response) => instance.put(request, response),
    delete: (request) => instance.delete(request),
  }
}
