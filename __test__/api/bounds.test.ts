import { bodyOf, freshCache, get, url } from "../helpers/cache"
import { setClock, stopClock } from "../helpers/clock"

/** Creates a pseudo-random generator; the same seed gives the same numbers. */
function randomNumbers(seed: number): (max: number) => number {
  let state = seed
  return (max) => {
    state = (state * 48_271) % 0x7fffffff
    return state % max
  }
}

describe("bytes never exceed maxBytes, and what fits is readable right after its put,", () => {
  test.each([
    [3_000, 1],
    [100_000, 2],
    [1_000_000, 3],
  ])("in a store of %i bytes (seed %i)", async (maxBytes, seed) => {
    const module = freshCache({ storage: { memory: { maxBytes, maxEntryBytes: maxBytes } } })
    const next = randomNumbers(seed)
    let stored = 0
    for (let n = 0; n < 3_000; n++) {
      const request = get(`/${next(400)}`, { "x-a": String(next(3)) })
      const body = String(n).padEnd(next(maxBytes / 3), "b")
      const headers: Record<string, string> = { "x-a": "h".repeat(next(300)) }
      if (next(2)) headers.vary = "x-a"
      const tags = Array.from({ length: next(4) }, () => `tag-${next(50)}`)
      const refused = (await module.inspect()).refusedWrites["too-large"]
      await module.put(request, new Response(body, { headers }), { tags })
      const seen = await module.inspect()
      expect(seen.bytes).toBeLessThanOrEqual(maxBytes)
      if (seen.refusedWrites["too-large"] > refused) continue
      stored += 1
      expect(await bodyOf(module, request)).toBe(body)
      if (next(20) === 0) await module.purge({ tags: [`tag-${next(50)}`] })
      if (next(20) === 0) await module.delete(get(`/${next(400)}`))
    }
    expect((await module.stats()).puts).toBe(stored)
    expect(stored).toBeGreaterThan(1_000)
    expect((await module.inspect()).evictions).toBeGreaterThan(500)
    await module.purge({ everything: true })
    expect(await module.inspect()).toMatchObject({ entries: 0, bytes: 0 })
  })
})

test("a put that fits is readable even if all other entries are read continuously", async () => {
  const module = freshCache({ storage: { memory: { maxBytes: 50_000, maxEntryBytes: 50_000 } } })
  for (let n = 0; n < 500; n++) {
    for (let recent = Math.max(0, n - 20); recent < n; recent++)
      await module.match(url(`/${recent}`))
    await module.put(url(`/${n}`), new Response(`${n}`.padEnd(2_000)))
    expect((await bodyOf(module, url(`/${n}`)))?.trim()).toBe(String(n))
  }
})

test("an entry of nearly maxBytes evicts all others", async () => {
  const module = freshCache({ storage: { memory: { maxBytes: 50_000, maxEntryBytes: 50_000 } } })
  for (let n = 0; n < 20; n++) await module.put(url(`/${n}`), new Response("o".repeat(1_000)))
  await module.put(url("/big"), new Response("b".repeat(48_500)))
  expect((await bodyOf(module, url("/big")))?.length).toBe(48_500)
  expect((await module.inspect()).bytes).toBeLessThanOrEqual(50_000)
})

test("bytes count the body, the headers, the key and the tags", async () => {
  const bytesAfterPut = async (
    path: string,
    body: string,
    headers: Record<string, string>,
    tags: string[],
  ) => {
    const module = freshCache()
    await module.put(url(path), new Response(body, { headers }), { tags })
    return (await module.inspect()).bytes
  }
  const least = await bytesAfterPut("/", "", {}, [])
  expect((await bytesAfterPut("/", "b".repeat(5_000), {}, [])) - least).toBe(5_000)
  expect((await bytesAfterPut(`/${"p".repeat(5_000)}`, "", {}, [])) - least).toBeGreaterThanOrEqual(
    5_000,
  )
  expect(
    (await bytesAfterPut("/", "", { "x-a": "v".repeat(5_000) }, [])) - least,
  ).toBeGreaterThanOrEqual(5_000)
  expect((await bytesAfterPut("/", "", {}, ["t".repeat(1_000)])) - least).toBeGreaterThanOrEqual(
    1_000,
  )
})

test("without storage options maxBytes is 128 MiB", async () => {
  expect((await freshCache().inspect()).maxBytes).toBe(134_217_728)
})

describe("space is freed", () => {
  beforeEach(stopClock)
  afterEach(() => jest.useRealTimers())

  test("by removing expired entries before evicting fresh ones", async () => {
    const module = freshCache({ storage: { memory: { maxBytes: 30_000, maxEntryBytes: 30_000 } } })
    await module.put(url("/lasting"), new Response("l".repeat(9_000)), { ttlSeconds: 600 })
    await module.put(url("/brief"), new Response("b".repeat(9_000)), { ttlSeconds: 10 })
    setClock(10)
    await module.put(url("/new"), new Response("n".repeat(12_000)))
    expect((await bodyOf(module, url("/lasting")))?.length).toBe(9_000)
    expect(await module.inspect()).toMatchObject({ entries: 2, evictions: 0, expirations: 1 })
  })

  test("for the new version of an entry by removing the old one", async () => {
    const module = freshCache({ storage: { memory: { maxBytes: 30_000, maxEntryBytes: 30_000 } } })
    await module.put(url("/other"), new Response("o".repeat(9_000)))
    for (const letter of "abc") {
      await module.put(url("/a"), new Response(letter.repeat(18_000)))
      expect(await bodyOf(module, url("/a"))).toBe(letter.repeat(18_000))
    }
    expect(await module.inspect()).toMatchObject({ entries: 2, evictions: 0 })
  })
})
