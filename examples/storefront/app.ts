import { backend } from "@layeron/core"
import { cache } from "@layeron/modules"
import { findProduct, listProducts, updateProduct } from "./products.ts"
import { refusals } from "./refusals.ts"

const app = backend({
  project: "store-api",
  gateway: { cache: process.env.STOREFRONT_GATEWAY === "1" },
})

const apiCache = cache({
  name: "public-api",
  namespace: "storefront",
  ttlSeconds: 60,
  staleWhileRevalidateSeconds: 30,
  vary: ["accept-language"],
  tags: ["public-api"],
  rules: [{ path: "/api/products" }, { path: "/api/products/:id" }],
})

app.use(apiCache)

app.get("/api/products", async (request) => {
  const cached = await apiCache.match(request)

  if (cached) {
    return cached
  }

  const products = await listProducts()
  const response = Response.json({ products })

  await apiCache.put(request, response.clone(), {
    tags: ["products"],
    ttlSeconds: 60,
  })

  return response
})

app.get(
  "/api/products/:id",
  refusals(async (request) => {
    const pathSegments = new URL(request.url).pathname.split("/")
    const id = pathSegments[3]
    const cached = await apiCache.match(request)

    if (cached) {
      return cached
    }

    const product = await findProduct(id)
    const response = Response.json({ product })

    await apiCache.put(request, response.clone(), {
      tags: ["products", `product:${id}`],
      ttlSeconds: 120,
    })

    return response
  }),
)

app.post(
  "/api/products/:id",
  refusals(async (request) => {
    const pathSegments = new URL(request.url).pathname.split("/")
    const id = pathSegments[3]
    const input = await request.json()

    await updateProduct(id, input)

    await apiCache.purge({
      tags: ["products", `product:${id}`],
    })

    return Response.json({ ok: true })
  }),
)

app.get("/internal/cache/stats", async () => {
  const stats = await apiCache.stats()

  return Response.json(stats)
})

app.get("/internal/cache/health", async () => {
  const stats = await apiCache.stats()
  const totalReads = stats.hits + stats.misses
  const hitRate = totalReads === 0 ? 0 : stats.hits / totalReads

  return Response.json({ ...stats, hitRate })
})

export default app
