import { join } from "node:path"
import { type Layer, startLayerDev } from "../helpers/layer-dev"

const STOREFRONT = join(__dirname, "../../examples/storefront")
const RUN_MS = 4_000
const LANGUAGES = ["de", "en"]
const PRODUCTS = [1, 2, 3]
const READERS = 6
/** Number of reads by a writer between two writes, so that some reads are served from the cache. */
const READS_PER_WRITE = 6

interface Product {
  readonly id: number
  readonly price: number
}

let layer: Layer

beforeAll(async () => {
  layer = await startLayerDev("app.ts", STOREFRONT)
})
afterAll(() => layer?.stop())

/** Requests a path and returns the products of the response. */
async function read(path: string, language: string): Promise<Product[]> {
  const response = await fetch(new URL(path, layer.url), {
    headers: { "accept-language": language },
  })
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}`)
  const body = (await response.json()) as { product?: Product; products?: Product[] }
  return body.products ?? [body.product!]
}

async function write({ id, price }: Product): Promise<void> {
  const response = await fetch(new URL(`/api/products/${id}`, layer.url), {
    method: "POST",
    body: JSON.stringify({ price }),
  })
  if (response.status !== 200) throw new Error(`a write answered ${response.status}`)
}

test("no response under load is older than the last write that had returned before its request", async () => {
  const end = Date.now() + RUN_MS
  /** The price of each product after the last write that has returned. */
  const least = new Map(PRODUCTS.map((id) => [id, 0]))
  const tooOld: (Product & { least: number })[] = []
  let reads = 0
  let writes = 0

  async function check(path: string): Promise<void> {
    const acceptable = new Map(least)
    for (const { id, price } of await read(path, LANGUAGES[reads % LANGUAGES.length]!)) {
      const lowest = acceptable.get(id) ?? 0
      if (price < lowest) tooOld.push({ id, price, least: lowest })
    }
    reads++
  }

  // Each product has one writer: of two writers, the last to write need not be the last to return.
  async function writer(id: number): Promise<void> {
    for (let price = 1_000; Date.now() < end; price++) {
      await write({ id, price })
      least.set(id, price)
      writes++
      for (let n = 0; n < READS_PER_WRITE; n++) await check(`/api/products/${id}`)
    }
  }

  async function reader(number: number): Promise<void> {
    for (let turn = number; Date.now() < end; turn++) {
      const all = turn % 8 === 0
      await check(all ? "/api/products" : `/api/products/${PRODUCTS[turn % PRODUCTS.length]}`)
    }
  }

  await Promise.all([
    ...PRODUCTS.map(writer),
    ...Array.from({ length: READERS }, (_, number) => reader(number)),
  ])

  expect(tooOld).toEqual([])
  expect(writes).toBeGreaterThan(30)
  expect(reads).toBeGreaterThan(300)
  const stats = (await (await fetch(new URL("/internal/cache/stats", layer.url))).json()) as Record<
    string,
    number
  >
  expect(stats.hits).toBeGreaterThan(100)
  expect(stats.purges).toBeGreaterThan(30)
  expect(stats.hits! + stats.misses!).toBe(reads)
})
