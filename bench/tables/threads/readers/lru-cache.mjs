import { LRUCache } from "lru-cache"
import { BODY, HEADERS, REQUESTS, requestAt } from "./world.mjs"

export async function open() {
  const kept = new LRUCache({ max: 2 * REQUESTS.length, ttl: 3_600_000 })
  for (const { url } of REQUESTS)
    kept.set(url, { status: 200, headers: HEADERS, body: Buffer.from(BODY) })
  return async (number) => {
    const found = kept.get(requestAt(number).url)
    return new Response(found.body, found).text()
  }
}
