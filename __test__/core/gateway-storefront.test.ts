import { join } from "node:path"
import type { CacheStats } from "@layeron/modules"
import { type Layer, startLayerDev, temporaryProject } from "../helpers/layer-dev"

const STOREFRONT = join(__dirname, "../../examples/storefront/app.ts")

/**
 * Source of the storefront with added routes that show the cache's statistics and delete an entry,
 * by another declaration of its cache.
 */
const ENTRY = `
import { cache } from "@layeron/modules"
import app from ${JSON.stringify(STOREFRONT)}

const apiCache = cache({ name: "public-api", namespace: "storefront", vary: ["accept-language"] })

app.get("/internal/cache/inspection", () => apiCache.inspect())
app.delete("/internal/cache/entry", async (request) => ({
  deleted: await apiCache.delete(
    new Request(new URL("/api/products", request.url), { headers: request.headers }),
  ),
}))

export default app
`

type Answer = { status: number; headers: Headers; body: unknown }

const MODES = [
  { name: "by itself", gateway: "0", miss: null },
  { name: "through the gateway", gateway: "1", miss: "fwd=uri-miss; fwd-status=200; stored" },
]

describe.each(MODES)("the storefront $name", ({ gateway, miss }) => {
  let project: ReturnType<typeof temporaryProject>
  let layer: Layer

  beforeAll(async () => {
    project = temporaryProject({ "app.ts": ENTRY })
    layer = await startLayerDev("app.ts", project.path, { STOREFRONT_GATEWAY: gateway })
  })

  afterAll(async () => {
    await layer?.stop()
    project.remove()
  })

  async function call(path: string, init?: RequestInit): Promise<Answer> {
    const response = await fetch(new URL(path, layer.url), init)
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  const stats = async () => (await call("/internal/cache/stats")).body as CacheStats
  const inLanguage = (language: string) => ({ headers: { "accept-language": language } })
  const post = (body: string) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
  })
  const cacheStatusOf = ({ headers }: Answer) =>
    headers.get("cache-status")?.replace("storefront/public-api; ", "") ?? null
  const price = ({ body }: Answer) => (body as { product: { price: number } }).product.price

  function expectHit(answer: Answer): void {
    expect(cacheStatusOf(answer)).toMatch(/^hit; ttl=\d+$/)
  }

  function expectMiss(answer: Answer): void {
    expect([answer.status, cacheStatusOf(answer)]).toEqual([200, miss])
  }

  test("answers and counts every call as the guide says", async () => {
    expect(await stats()).toEqual({ hits: 0, misses: 0, puts: 0, deletes: 0, purges: 0 })

    const first = await call("/api/products")
    expectMiss(first)
    expect((first.body as { products: unknown[] }).products).toHaveLength(500)
    const second = await call("/api/products")
    expectHit(second)
    expect(second.body).toEqual(first.body)
    expect(second.headers.get("cache-control")).toBe(
      "public, max-age=60, stale-while-revalidate=30",
    )
    expect(await stats()).toEqual({ hits: 1, misses: 1, puts: 1, deletes: 0, purges: 0 })

    expectMiss(await call("/api/products/7", inLanguage("de")))
    expectMiss(await call("/api/products/7", inLanguage("en")))
    const german = await call("/api/products/7", inLanguage("de"))
    expectHit(german)
    expect(german.headers.get("cache-control")).toBe(
      "public, max-age=120, stale-while-revalidate=30",
    )
    expectHit(await call("/api/products/7", inLanguage("en")))
    expectMiss(await call("/api/products/8", inLanguage("en")))
    expect(await stats()).toEqual({ hits: 3, misses: 4, puts: 4, deletes: 0, purges: 0 })

    // Purges the list, product 7 in two languages and product 8, which all have the tag "products".
    expect((await call("/api/products/7", post('{"price":1234.5}'))).body).toEqual({ ok: true })
    expect(await stats()).toEqual({ hits: 3, misses: 4, puts: 4, deletes: 0, purges: 4 })
    const changed = await call("/api/products/7", inLanguage("de"))
    expectMiss(changed)
    expect(price(changed)).toBe(1234.5)

    await call("/api/products", inLanguage("de"))
    expectHit(await call("/api/products", inLanguage("de")))
    const remove = { method: "DELETE", ...inLanguage("de") }
    expect((await call("/internal/cache/entry", remove)).body).toEqual({ deleted: true })
    expect((await call("/internal/cache/entry", remove)).body).toEqual({ deleted: false })
    expectMiss(await call("/api/products", inLanguage("de")))
    expect((await call("/internal/cache/health")).body).toEqual({
      hits: 4,
      misses: 7,
      puts: 7,
      deletes: 2,
      purges: 4,
      hitRate: 4 / 11,
    })
  })

  test("refuses invalid requests, stores no refusal and purges nothing for them", async () => {
    const before = await stats()
    for (const misses of [1, 2]) {
      expect(await call("/api/products/0")).toMatchObject({
        status: 404,
        body: { error: "No product has the id 0" },
      })
      expect(await stats()).toEqual({ ...before, misses: before.misses + misses })
    }
    expect(await call("/api/products/0", post('{"price":1}'))).toMatchObject({ status: 404 })
    expect(await call("/api/products/7", post("{"))).toMatchObject({ status: 400 })
    expect(await stats()).toEqual({ ...before, misses: before.misses + 2 })
    expect((await call("/internal/cache/inspection")).body).toMatchObject({ invalidations: 0 })
  })

  test("answers a range request from the store", async () => {
    const path = "/api/products/9"
    await call(path)
    const before = await stats()
    const part = await fetch(new URL(path, layer.url), { headers: { range: "bytes=0-10" } })
    expect([part.status, await part.text()]).toEqual([206, '{"product":'])
    expect(await stats()).toEqual({ ...before, hits: before.hits + 1 })
  })

  test("answers HEAD with the fields of GET", async () => {
    const path = "/api/products/10"
    const { headers } = await call(path)
    const before = await stats()
    const head = await fetch(new URL(path, layer.url), { method: "HEAD" })
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
      200,
      headers.get("content-type"),
      "",
    ])
    // Without the gateway, HEAD and GET have separate entries.
    const { hits, misses, puts } = before
    const counted = gateway === "1" ? { hits: hits + 1 } : { misses: misses + 1, puts: puts + 1 }
    expect(await stats()).toEqual({ ...before, ...counted })
  })

  test("does not serve the earlier response once a write has returned", async () => {
    const path = "/api/products/11"
    const READERS = 8
    const read = async () => price(await call(path))
    const readAtOnce = () => Promise.all(Array.from({ length: READERS }, read))
    for (let written = 1_000; written < 1_040; written++) {
      const during = readAtOnce()
      expect((await call(path, post(JSON.stringify({ price: written })))).status).toBe(200)
      expect(await readAtOnce()).toEqual(Array(READERS).fill(written))
      await during
    }
  })
})
