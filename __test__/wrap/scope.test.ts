import type { CacheModuleOptions, CacheWrapOptions } from "@layeron/modules"
import { bodyOf, get, NO_STATS, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { collectEvents, stopCollecting } from "../helpers/events"
import { deferred } from "../helpers/stale-module"
import { cacheStatusOf, counts, endTest, TTL, texts, waitUntilIdle, wrapped } from "../helpers/wrap"

beforeEach(stopTime)
afterEach(async () => {
  stopCollecting()
  await endTest()
})

const API: Partial<CacheModuleOptions> = { ttlSeconds: TTL, rules: [{ path: "/api/*" }] }
const BYPASSED = "fwd=bypass; fwd-status=200; detail=no-rule"

const countedRun = (_: Request, run: number) => new Response(`run ${run}`)
const cacheableRun = (_: Request, run: number) =>
  new Response(`run ${run}`, { headers: { "cache-control": "public, max-age=60" } })

describe("a wrapped handler of an instance with rules", () => {
  test("caches requests that a rule covers, and runs the handler for each other request", async () => {
    const { module, send } = wrapped(countedRun, {}, API)
    const seen: unknown[] = []
    for (const path of ["/api/a", "/other", "/api/a", "/other"]) {
      const response = await send(get(path))
      seen.push([cacheStatusOf(response), await response.text()])
    }
    expect(seen).toEqual([
      ["fwd=uri-miss; fwd-status=200; stored; ttl=60", "run 1"],
      [BYPASSED, "run 2"],
      ["hit; ttl=60", "run 1"],
      [BYPASSED, "run 3"],
    ])
    expect(await module.inspect()).toMatchObject({ entries: 1, bypasses: 2 })
    expect(await module.stats()).toEqual({ ...NO_STATS, hits: 1, misses: 1, puts: 1 })
  })

  test("does not cache a request that no rule covers even if the response declares its lifetime", async () => {
    const { module, send, runs } = wrapped(cacheableRun, {}, API)
    for (let call = 0; call < 2; call++) await (await send(get("/other"))).text()
    expect([runs(), (await module.inspect()).entries]).toEqual([2, 0])
  })

  test.each<[string, CacheWrapOptions, string]>([
    ["a lifetime", { ttlSeconds: 30 }, "hit; ttl=30"],
    [
      "a lifetime of 0",
      { ttlSeconds: 0, staleWhileRevalidateSeconds: 30 },
      "hit; ttl=0; detail=stale",
    ],
  ])("caches every request if wrap has its own %s", async (_name, options, expected) => {
    const { send } = wrapped(countedRun, options, API)
    await (await send(get("/other"))).text()
    const second = await send(get("/other"))
    expect([cacheStatusOf(second), await second.text()]).toEqual([expected, "run 1"])
  })

  test.each<[string, CacheWrapOptions]>([
    ["tags", { tags: ["a"] }],
    ["a stale window", { staleWhileRevalidateSeconds: 30 }],
    ["a vary", { vary: ["accept"] }],
  ])("covers no more requests because of %s of wrap", async (_name, options) => {
    const { send } = wrapped(cacheableRun, options, API)
    expect(cacheStatusOf(await send(get("/other")))).toBe(BYPASSED)
  })

  test("coalesces no requests that no rule covers", async () => {
    const gate = deferred()
    const { send, runs } = wrapped(
      async (request, run) => {
        await gate.promise
        return countedRun(request, run)
      },
      {},
      API,
    )
    const all = [1, 2, 3].map(() => send(get("/other")))
    await waitUntilIdle()
    expect(runs()).toBe(3)
    gate.resolve()
    expect(await texts(all)).toEqual(["run 1", "run 2", "run 3"])
  })

  test("does not answer a request that no rule covers from a response that put has stored for it", async () => {
    const { module, send } = wrapped(countedRun, {}, API)
    await module.put(url("/other"), new Response("put"))
    expect(await (await send(get("/other"))).text()).toBe("run 1")
    expect(await bodyOf(module, url("/other"))).toBe("put")
  })

  test("passes the caller's own request to the handler if no rule covers it", async () => {
    const { send, received } = wrapped(countedRun, {}, API)
    const request = get("/other", { "if-none-match": '"a"', cookie: "a=1" })
    await send(request)
    expect(received[0]).toBe(request)
  })

  test("removes the stored responses for the URL of a POST that no rule covers", async () => {
    const { module, send } = wrapped(countedRun, {}, API)
    await module.put(url("/other"), new Response("put"))
    const response = await send(new Request(url("/other"), { method: "POST" }))
    expect(cacheStatusOf(response)).toBe("fwd=method; fwd-status=200")
    expect(await bodyOf(module, url("/other"))).toBeUndefined()
    expect(await counts(module)).toMatchObject({ invalidations: 1 })
  })

  test("covers by the methods of a rule, too, and HEAD like GET", async () => {
    const declared = { ttlSeconds: TTL, rules: [{ path: "/api/*", methods: ["GET"] }] }
    const { send, runs } = wrapped(countedRun, {}, declared)
    await (await send(get("/api/a"))).text()
    expect(cacheStatusOf(await send(new Request(url("/api/a"), { method: "HEAD" })))).toBe(
      "hit; ttl=60",
    )
    expect(runs()).toBe(1)
    expect(cacheStatusOf(await send(new Request(url("/other"), { method: "HEAD" })))).toBe(BYPASSED)
  })

  test("sets detail=no-rule for a bypass", async () => {
    const { events } = collectEvents(["match", "put"])
    const { module, send } = wrapped(countedRun, {}, API)
    await send(get("/other"))
    expect(events).toEqual([
      expect.objectContaining({
        operation: "match",
        outcome: "bypass",
        reason: "no-rule",
        key: module.key(get("/other")),
      }),
    ])
  })
})

test("match and put of an instance with rules work for requests that no rule covers", async () => {
  const { module } = wrapped(countedRun, {}, API)
  await module.put(url("/other"), new Response("put"))
  expect(await bodyOf(module, url("/other"))).toBe("put")
})
