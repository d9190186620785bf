/** The storefront's product route with lru-cache. */
import { backend } from "@layeron/core"
import { LRUCache } from "lru-cache"
import { findProduct } from "../../../../examples/storefront/products.ts"

const app = backend()
const kept = new LRUCache({ max: 10_000, ttl: 120_000 })

app.get("/api/products/:id", async (request) => {
  const found = kept.get(request.url)
  if (found) return new Response(found.body, found)

  const id = new URL(request.url).pathname.split("/")[3]
  const response = Response.json({ product: await findProduct(id) })
  const { status, headers } = response
  const body = await response.clone().text()
  kept.set(request.url, { status, headers: Object.fromEntries(headers), body })
  return response
})

export default app
