import { join } from "node:path"
import { type Layer, startLayerDev, temporaryProject } from "../helpers/layer-dev"

const STOREFRONT = join(__dirname, "../../examples/storefront/app.ts")

/**
 * Source of the storefront with an added route for the guide's `delete` call, which uses another
 * declaration of the same instance.
 */
const ENTRY = `
import { cache } from "@layeron/modules"
import app from ${JSON.stringify(STOREFRONT)}

const apiCache = cache({ name: "public-api", namespace: "storefront", vary: ["accept-language"] })

app.delete("/internal/cache/entry", async (request) => ({
  deleted: await apiCache.delete(
    new Request(new URL("/api/products", request.url), { headers: request.headers }),
  ),
}))

export default app
`

let project: ReturnType<typeof temporaryProject>
let layer: Layer

beforeAll(async () => {
  project = temporaryProject({ "app.ts": ENTRY })
  layer = await startLayerDev("app.ts", project.path)
})

afterAll(async () => {
  await layer?.stop()
  project.remove()
})

type Answer = { status: number; headers: Headers; body: unknown }

async function call(path: string, init?: RequestInit): Promise<Answer> {
  const response = await fetch(new URL(path, layer.url), init)
  return { status: response.status, headers: response.headers, body: await response.json() }
}

const inLanguage = (language: string) => ({ headers: { "accept-language": language } })

const post = (body: string) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body,
})

/** Whether the `Cache-Status` of an answer says that it is a hit. */
const isHit = ({ headers }: Answer) =>
  headers.get("cache-status")?.startsWith("storefront/public-api; hit") ?? false

const price = ({ body }: Answer) => (body as { product: { price: number } }).product.price

test("the guide's application answers and counts every call as the guide says", async () => {
  const stats = async () => (await call("/internal/cache/stats")).body
  expect(await stats()).toEqual({ hits: 0, misses: 0, puts: 0, deletes: 0, purges: 0 })

  const first = await call("/api/products")
  expect(isHit(first)).toBe(false)
  expect((first.body as { products: unknown[] }).products).toHaveLength(500)
  const second = await call("/api/products")
  expect(isHit(second)).toBe(true)
  expect(second.body).toEqual(first.body)
  expect(second.headers.get("cache-control")).toBe("public, max-age=60, stale-while-revalidate=30")
  expect(second.headers.get("age")).toMatch(/^[01]$/)
  expect(await stats()).toEqual({ hits: 1, misses: 1, puts: 1, deletes: 0, purges: 0 })

  const german = await call("/api/products/7", inLanguage("de"))
  const english = await call("/api/products/7", inLanguage("en"))
  expect([isHit(german), isHit(english)]).toEqual([false, false])
  expect(isHit(await call("/api/products/7", inLanguage("de")))).toBe(true)
  expect(isHit(await call("/api/products/7", inLanguage("en")))).toBe(true)
  expect(isHit(await call("/api/products/8", inLanguage("en")))).toBe(false)
  expect(await stats()).toEqual({ hits: 3, misses: 4, puts: 4, deletes: 0, purges: 0 })

  const written = await call("/api/products/7", post('{"price":1234.5}'))
  expect(written.body).toEqual({ ok: true })
  // Purges the list, product 7 in two languages and product 8, which all have the tag "products".
  expect(await stats()).toEqual({ hits: 3, misses: 4, puts: 4, deletes: 0, purges: 4 })
  const changed = await call("/api/products/7", inLanguage("de"))
  expect([isHit(changed), price(changed)]).toEqual([false, 1234.5])

  await call("/api/products", inLanguage("de"))
  expect(isHit(await call("/api/products", inLanguage("de")))).toBe(true)
  const remove = { method: "DELETE", ...inLanguage("de") }
  expect((await call("/internal/cache/entry", remove)).body).toEqual({ deleted: true })
  expect((await call("/internal/cache/entry", remove)).body).toEqual({ deleted: false })
  expect(isHit(await call("/api/products", inLanguage("de")))).toBe(false)

  expect(await stats()).toEqual({ hits: 4, misses: 7, puts: 7, deletes: 2, purges: 4 })
  expect((await call("/internal/cache/health")).body).toEqual({
    hits: 4,
    misses: 7,
    puts: 7,
    deletes: 2,
    purges: 4,
    hitRate: 4 / 11,
  })
})

test("the storefront refuses invalid requests and purges nothing for them", async () => {
  const before = (await call("/internal/cache/stats")).body
  expect(await call("/api/products/0")).toMatchObject({ status: 404 })
  expect(await call("/api/products/0", post('{"price":1}'))).toMatchObject({ status: 404 })
  expect(await call("/api/products/7", post("{"))).toMatchObject({ status: 400 })
  const after = (await call("/internal/cache/stats")).body
  expect(after).toEqual({
    ...(before as object),
    misses: (before as { misses: number }).misses + 1,
  })
})

describe("a product that the storefront returned", () => {
  const productOf = ({ body }: Answer) => (body as { product: Record<string, unknown> }).product

  test("is accepted as a change with its unchanged id", async () => {
    const product = productOf(await call("/api/products/9"))
    const changed = { ...product, price: 77 }
    const written = await call("/api/products/9", post(JSON.stringify(changed)))
    expect([written.status, written.body]).toEqual([200, { ok: true }])
    expect(productOf(await call("/api/products/9"))).toEqual(changed)
  })

  test.each([
    ["another id", 10],
    ["the id as a string", "9"],
    ["null as its id", null],
  ])("is refused with %s, and nothing changes", async (_, id) => {
    const product = productOf(await call("/api/products/9"))
    const refused = await call(
      "/api/products/9",
      post(JSON.stringify({ ...product, price: 1, id })),
    )
    const error = "id cannot be changed: leave it out, or send 9"
    expect([refused.status, refused.body]).toEqual([400, { error }])
    expect(productOf(await call("/api/products/9"))).toEqual(product)
  })
})
