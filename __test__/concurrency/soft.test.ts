import type { CacheModule, CachePurgeSelector } from "@layeron/modules"
import { bodyOf, errorOf, forbidden, freshCache, get, state, url } from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import { AT, POLICY, refreshCounts, TTL, WINDOW } from "../helpers/stale-module"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const PATHS = ["/p/1", "/p/2", "/q"]

/** Creates a module with one entry per path, two of them tagged `t`. */
async function moduleWithEntries(paths: readonly string[] = PATHS): Promise<CacheModule> {
  const module = freshCache(POLICY)
  for (const path of paths)
    await module.put(url(path), new Response("old"), { tags: path === "/q" ? [] : ["t"] })
  return module
}

const SELECTIONS: [string, CachePurgeSelector, string[]][] = [
  ["request", { request: AT }, ["/p/1"]],
  ["tags", { tags: ["t"] }, ["/p/1", "/p/2"]],
  ["prefix", { prefix: url("/p") }, ["/p/1", "/p/2"]],
  ["path prefix", { prefix: "/q" }, ["/q"]],
  ["everything", { everything: true }, PATHS],
  ["several selectors, each entry counted once", { tags: ["t"], request: AT, prefix: "/q" }, PATHS],
  ["no tags", { tags: [] }, []],
]

describe("a soft purge by", () => {
  test.each(SELECTIONS)(
    "%s counts the selected entries and makes them stale, and leaves the others fresh",
    async (_, selector, expected) => {
      const module = await moduleWithEntries()
      setClock(10)
      expect(await module.purge({ ...selector, soft: true })).toEqual({ purged: expected.length })
      expect(await module.inspect()).toMatchObject({ entries: PATHS.length })
      expect(await module.stats()).toMatchObject({ purges: expected.length, deletes: 0 })

      const elected = await missing(module)
      expect(elected).toEqual(expected)
      expect(await missing(module)).toEqual([])
      expect(await refreshCounts(module)).toMatchObject({
        elections: expected.length,
        staleHits: expected.length,
        misses: expected.length,
      })
    },
  )

  test.each(SELECTIONS)(
    "%s, with soft: false, removes the selected entries",
    async (_, selector, expected) => {
      const module = await moduleWithEntries()
      expect(await module.purge({ ...selector, soft: false })).toEqual({ purged: expected.length })
      expect(await missing(module)).toEqual(expected)
      expect(await missing(module)).toEqual(expected)
      expect(await refreshCounts(module)).toMatchObject({ elections: 0, staleHits: 0 })
    },
  )

  async function missing(module: CacheModule): Promise<string[]> {
    const bodies = await Promise.all(PATHS.map((path) => bodyOf(module, url(path))))
    return PATHS.filter((_, index) => bodies[index] === undefined)
  }
})

async function softPurge(module: CacheModule): Promise<number> {
  return (await module.purge({ request: AT, soft: true })).purged
}

/** Expects callers without the refresh lease to get the stale entry until exactly `seconds`. */
async function expectStaleUntil(module: CacheModule, seconds: number): Promise<void> {
  setClock(seconds - 0.001)
  await module.match(AT)
  expect(await bodyOf(module, AT)).toBe("old")
  setClock(seconds)
  const { misses } = await module.stats()
  expect(await module.match(AT)).toBeUndefined()
  expect(await module.match(AT)).toBeUndefined()
  expect(await module.stats()).toMatchObject({ misses: misses + 2 })
  expect(await module.inspect()).toMatchObject({ entries: 0, expirations: 1 })
}

describe("an entry softly purged", () => {
  test("while fresh is marked stale from the purge on", async () => {
    const module = await moduleWithEntries(["/p/1"])
    setClock(10)
    await softPurge(module)
    expect(await module.match(AT)).toBeUndefined()
    for (const [seconds, ttl] of [
      [10, 0],
      [10.001, -1],
      [11, -1],
      [11.001, -2],
      [39, -29],
    ] as const) {
      setClock(seconds)
      const response = await module.match(AT)
      expect(await response?.text()).toBe("old")
      expect(response?.headers.get("cache-status")).toBe(
        `${module.identity}; hit; ttl=${ttl}; detail=stale`,
      )
    }
  })

  test("while fresh is served for the whole stale window from the purge on", async () => {
    const module = await moduleWithEntries(["/p/1"])
    setClock(10.123)
    expect(await softPurge(module)).toBe(1)
    await expectStaleUntil(module, 10.123 + WINDOW)
  })

  test("at the moment of its put is served for the whole stale window from then on", async () => {
    const module = await moduleWithEntries(["/p/1"])
    expect(await softPurge(module)).toBe(1)
    await expectStaleUntil(module, WINDOW)
  })

  test.each([TTL, TTL + 100, TTL + WINDOW - 1])(
    "while stale, %d s after its put, ends as without the purge",
    async (at) => {
      const module = await moduleWithEntries(["/p/1"])
      setClock(at)
      expect(await softPurge(module)).toBe(1)
      await expectStaleUntil(module, TTL + WINDOW)
    },
  )

  test("twice ends as after the first purge, and both purges count it", async () => {
    const module = await moduleWithEntries(["/p/1"])
    setClock(10)
    expect(await softPurge(module)).toBe(1)
    setClock(50)
    expect(await softPurge(module)).toBe(1)
    expect(await module.stats()).toMatchObject({ purges: 2 })
    await expectStaleUntil(module, 10 + WINDOW)
  })

  test("after its stale window is not counted", async () => {
    const module = await moduleWithEntries(["/p/1"])
    setClock(TTL + WINDOW)
    expect(await softPurge(module)).toBe(0)
    expect(await module.stats()).toMatchObject({ purges: 0 })
  })

  test("without a stale window is removed, and counted", async () => {
    const module = freshCache({ ttlSeconds: TTL })
    await module.put(AT, new Response("old"))
    expect(await softPurge(module)).toBe(1)
    expect(await module.inspect()).toMatchObject({ entries: 0, bytes: 0 })
    expect(await module.match(AT)).toBeUndefined()
    expect(await module.match(AT)).toBeUndefined()
    expect(await refreshCounts(module)).toMatchObject({ misses: 2, elections: 0, staleHits: 0 })
  })

  test("and refreshed is fresh for its whole lifetime", async () => {
    const module = await moduleWithEntries(["/p/1"])
    setClock(10)
    await softPurge(module)
    await module.match(AT)
    await module.put(AT, new Response("new"))
    setClock(10 + TTL - 0.001)
    expect((await module.match(AT))?.headers.get("cache-status")).toBe(
      `${module.identity}; hit; ttl=0`,
    )
    expect(await refreshCounts(module)).toMatchObject({ elections: 1, staleHits: 0 })
  })

  test("and then removed by a hard purge is a miss for every caller", async () => {
    const module = await moduleWithEntries(["/p/1"])
    await softPurge(module)
    expect(await module.purge({ request: AT })).toEqual({ purged: 1 })
    expect(await module.match(AT)).toBeUndefined()
    expect(await module.match(AT)).toBeUndefined()
    expect(await refreshCounts(module)).toMatchObject({ elections: 0 })
  })

  test("has a separate refresh lease for each variant", async () => {
    const module = freshCache(POLICY)
    const requests = ["1", "2"].map((a) => get("/p/1", { "x-a": a }))
    for (const request of requests)
      await module.put(request, new Response("old", { headers: { vary: "x-a" } }))
    expect(await softPurge(module)).toBe(2)
    for (const request of requests) {
      expect(await module.match(request)).toBeUndefined()
      expect(await bodyOf(module, request)).toBe("old")
    }
  })
})

test.each<[string, object]>([
  ["only soft", { soft: true }],
  ["only soft: false", { soft: false }],
  ["soft beside everything: false", { soft: true, everything: false }],
  ["a soft that is a string", { soft: "yes", everything: true }],
  ["a soft that is null", { soft: null, everything: true }],
])("a purge with %s is refused and changes nothing", async (_, selector) => {
  const module = await moduleWithEntries(["/p/1"])
  const before = await state(module)
  const error = await errorOf(() => module.purge(forbidden(selector)))
  expect(error).toBeInstanceOf(TypeError)
  expect(error).toMatchObject({
    code: "LAYERON_INVALID_OPTION",
    message: expect.stringMatching(/^purge\(\) selector/),
  })
  expect(await state(module)).toEqual(before)
})
