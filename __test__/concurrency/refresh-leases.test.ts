import type { CacheModule } from "@layeron/modules"
import { bodyOf, freshCache, get, sameIdentity, url } from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import {
  AT,
  POLICY,
  REMOVALS,
  refreshCounts,
  remove,
  staleModule,
  TTL,
  WINDOW,
} from "../helpers/stale-module"
import { streamOf } from "../helpers/streams"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

describe("inside the stale window", () => {
  test("the first caller gets a miss and all others the stale response, marked and counted as stale", async () => {
    const module = await staleModule()
    expect(await module.match(AT)).toBeUndefined()
    for (const request of [AT, new URL(AT), get("/p/1")]) {
      const response = await module.match(request)
      expect(await response?.text()).toBe("old")
      expect(response?.headers.get("cache-status")).toBe(
        `${module.identity}; hit; ttl=-1; detail=stale`,
      )
    }
    expect(await refreshCounts(module)).toEqual({
      hits: 3,
      misses: 1,
      puts: 1,
      staleHits: 3,
      elections: 1,
      fencedWrites: 0,
    })
  })

  test.each([
    [TTL - 0.001, "fresh", "ttl=0", { hits: 2, misses: 0, staleHits: 0, elections: 0 }],
    [TTL, "stale", "ttl=0; detail=stale", { hits: 1, misses: 1, staleHits: 1, elections: 1 }],
    [
      TTL + 0.001,
      "stale",
      "ttl=-1; detail=stale",
      { hits: 1, misses: 1, staleHits: 1, elections: 1 },
    ],
    [
      TTL + WINDOW - 0.001,
      "stale",
      "ttl=-300; detail=stale",
      { hits: 1, misses: 1, staleHits: 1, elections: 1 },
    ],
  ])(
    "at %d s after the put two callers meet a %s response",
    async (seconds, _, status, counted) => {
      const module = await staleModule()
      setClock(seconds)
      await module.match(AT)
      const response = await module.match(AT)
      expect(response?.headers.get("cache-status")).toBe(`${module.identity}; hit; ${status}`)
      expect(await refreshCounts(module)).toMatchObject(counted)
    },
  )

  test("two declarations of one identity share one refresh lease", async () => {
    const module = await staleModule()
    const other = sameIdentity(module, { ttlSeconds: 1, staleWhileRevalidateSeconds: 1 })
    expect(await other.match(AT)).toBeUndefined()
    expect(await bodyOf(module, AT)).toBe("old")
    expect(await bodyOf(other, AT)).toBe("old")
  })

  test("a request that a rule bypasses gets no refresh lease", async () => {
    const module = await staleModule(AT, {
      rules: [{ path: "/p/:id", bypass: { headers: ["x-preview"] } }],
    })
    expect(await module.match(get("/p/1", { "x-preview": "1" }))).toBeUndefined()
    expect(await refreshCounts(module)).toMatchObject({ misses: 0, elections: 0 })
    expect(await module.match(AT)).toBeUndefined()
    expect(await refreshCounts(module)).toMatchObject({ misses: 1, elections: 1 })
  })
})

describe("a refresh lease", () => {
  async function elected(): Promise<CacheModule> {
    const module = await staleModule()
    expect(await module.match(AT)).toBeUndefined()
    expect(await bodyOf(module, AT)).toBe("old")
    return module
  }

  test("ends with the put: the new response is fresh for all callers", async () => {
    const module = await elected()
    await module.put(AT, new Response("new"))
    for (let caller = 0; caller < 3; caller++) {
      const response = await module.match(AT)
      expect(await response?.text()).toBe("new")
      expect(response?.headers.get("cache-status")).toBe(`${module.identity}; hit; ttl=60`)
    }
    expect(await refreshCounts(module)).toMatchObject({
      hits: 4,
      misses: 1,
      puts: 2,
      staleHits: 1,
      elections: 1,
    })
  })

  test("ends with any caller's put", async () => {
    const module = await elected()
    await sameIdentity(module).put(new URL(AT), new Response("warm"))
    expect(await bodyOf(module, AT)).toBe("warm")
  })

  test("is acquired again when the new response becomes stale", async () => {
    const module = await elected()
    await module.put(AT, new Response("new"))
    setClock(TTL + 1 + TTL)
    expect(await module.match(AT)).toBeUndefined()
    expect(await bodyOf(module, AT)).toBe("new")
    expect(await refreshCounts(module)).toMatchObject({ elections: 2 })
  })

  test("without a put lasts exactly 30 s, then the next caller acquires it", async () => {
    const module = await elected()
    setClock(TTL + 1 + 29.999)
    expect(await bodyOf(module, AT)).toBe("old")
    setClock(TTL + 1 + 30)
    expect(await module.match(AT)).toBeUndefined()
    expect(await bodyOf(module, AT)).toBe("old")
    setClock(TTL + 1 + 59.999)
    expect(await bodyOf(module, AT)).toBe("old")
    setClock(TTL + 1 + 60)
    expect(await module.match(AT)).toBeUndefined()
    expect(await refreshCounts(module)).toMatchObject({
      misses: 3,
      hits: 4,
      staleHits: 4,
      elections: 3,
    })
  })

  test("with a put whose body fails lasts 30 s", async () => {
    const module = await elected()
    const failing = new Response(streamOf(["new"], new Error("broken")))
    await expect(module.put(AT, failing)).rejects.toThrow("broken")
    setClock(TTL + 1 + 29.999)
    expect(await bodyOf(module, AT)).toBe("old")
    setClock(TTL + 1 + 30)
    expect(await module.match(AT)).toBeUndefined()
  })

  test.each(REMOVALS)(
    "ends with %s: the stale response is not served again",
    async (_, removal) => {
      const module = await elected()
      await remove(module, removal)
      expect(await module.match(AT)).toBeUndefined()
      expect(await module.match(AT)).toBeUndefined()
      expect(await refreshCounts(module)).toMatchObject({ misses: 3, staleHits: 1, elections: 1 })
    },
  )

  test("ends with a soft purge: the next caller acquires it", async () => {
    const module = await elected()
    await module.purge({ request: AT, soft: true })
    expect(await module.match(AT)).toBeUndefined()
    expect(await bodyOf(module, AT)).toBe("old")
    expect(await refreshCounts(module)).toMatchObject({ misses: 2, staleHits: 2, elections: 2 })
  })

  test("ends with the stale window, even before 30 s: every caller gets a miss", async () => {
    const module = await staleModule()
    setClock(TTL + WINDOW - 1)
    expect(await module.match(AT)).toBeUndefined()
    setClock(TTL + WINDOW - 0.001)
    expect(await bodyOf(module, AT)).toBe("old")
    setClock(TTL + WINDOW)
    expect(await module.match(AT)).toBeUndefined()
    expect(await module.match(AT)).toBeUndefined()
    expect(await refreshCounts(module)).toMatchObject({ misses: 3, staleHits: 1, elections: 1 })
  })
})

describe("have separate refresh leases:", () => {
  async function expectSeparate(module: CacheModule, requests: readonly Request[]): Promise<void> {
    setClock(TTL + 1)
    for (const request of requests) {
      expect(await module.match(request)).toBeUndefined()
      expect((await module.match(request))?.headers.get("x-from")).toBe("old")
    }
    expect(await refreshCounts(module)).toMatchObject({
      hits: requests.length,
      misses: requests.length,
      elections: requests.length,
    })
  }

  const old = (headers: Record<string, string> = {}) =>
    new Response("old", { headers: { "x-from": "old", ...headers } })

  test.each([
    ["keys", {}, [get("/p/1"), get("/p/2")]],
    ["GET and HEAD", {}, [get("/p/1"), new Request(AT, { method: "HEAD" })]],
    [
      "values of a configured header",
      {},
      [get("/p/1", { "x-a": "1" }), get("/p/1", { "x-a": "2" }), get("/p/1")],
    ],
    [
      "variants by the response's Vary",
      { vary: "x-b" },
      [get("/p/1", { "x-b": "1" }), get("/p/1", { "x-b": "2" })],
    ],
  ])("%s", async (_, headers, requests) => {
    const module = freshCache({ ...POLICY, vary: ["x-a"] })
    for (const request of requests) await module.put(request, old(headers))
    await expectSeparate(module, requests)
  })

  test("namespaces of one name", async () => {
    const one = await staleModule()
    const two = freshCache({ ...POLICY, name: one.name, namespace: "other" })
    await two.put(AT, new Response("other"))
    setClock(2 * TTL + 1)
    for (const module of [one, two]) expect(await module.match(AT)).toBeUndefined()
    expect([await bodyOf(one, AT), await bodyOf(two, AT)]).toEqual(["old", "other"])
  })
})

test("an entry without a stale window has no refresh lease", async () => {
  const module = freshCache({ ttlSeconds: TTL })
  await module.put(url("/"), new Response("old"))
  setClock(TTL)
  expect(await module.match(url("/"))).toBeUndefined()
  expect(await module.match(url("/"))).toBeUndefined()
  expect(await refreshCounts(module)).toMatchObject({ misses: 2, staleHits: 0, elections: 0 })
})
