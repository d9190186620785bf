import type { CacheModule } from "@layeron/modules"
import { bodyOf, freshCache, get, NO_STATS, refusals, sameIdentity } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import { streamOf } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endTest,
  POLICY,
  TTL,
  texts,
  waitUntil,
  waitUntilIdle,
  wrappedIn,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

/**
 * Wraps a handler that itself matches and puts its response, as in the guide, and collects the
 * events of its puts.
 */
function wrappedByGuide(
  module: CacheModule,
  build: (run: number) => Response | Promise<Response>,
  options = POLICY,
) {
  const found: unknown[] = []
  const wrapper = wrappedIn(
    module,
    async (request, run) => {
      const cached = await module.match(request)
      found.push(await cached?.text())
      const response = await build(run)
      await module.put(request, response.clone(), options)
      return response
    },
    { ttlSeconds: 5, tags: ["by-wrap"] },
  )
  return { ...wrapper, found }
}

describe("inside a run,", () => {
  test("match() of the handler's request finds nothing and counts nothing, and its put() is the one that counts", async () => {
    const { module, send, runs, found } = wrappedByGuide(
      freshCache(),
      (run) => new Response(`run ${run}`),
    )
    const response = await send()
    expect(cacheStatusOf(response)).toBe("fwd=uri-miss; fwd-status=200; stored")
    expect(await response.text()).toBe("run 1")
    expect(found).toEqual([undefined])
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 1, puts: 1 })
    const { entry } = await module.explain(AT)
    expect(entry).toMatchObject({ lifetimeSeconds: TTL, tags: [] })
    const hit = await send()
    expect([cacheStatusOf(hit), await hit.text(), runs()]).toEqual(["hit; ttl=60", "run 1", 1])
    expect(await module.stats()).toEqual({ ...NO_STATS, hits: 1, misses: 1, puts: 1 })
  })

  test("put() by the handler of 100 callers stores the response that all get", async () => {
    const gate = deferred()
    const { module, send, runs } = wrappedByGuide(freshCache(), async (run) => {
      await gate.promise
      return new Response(`run ${run}`)
    })
    const all = concurrently(100, () => send())
    await waitUntilIdle()
    gate.resolve()
    expect(countEach(await texts(all))).toEqual({ "run 1": 100 })
    expect(runs()).toBe(1)
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 100, puts: 1 })
  })

  test("in the background, match() finds nothing even if others are served the stale response", async () => {
    const { module, send, found } = wrappedByGuide(
      freshCache(),
      (run) => new Response(`run ${run}`),
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(await texts([send(), send()])).toEqual(["run 1", "run 1"])
    await waitUntilIdle()
    expect(found).toEqual([undefined, undefined])
    expect(await (await send()).text()).toBe("run 2")
    expect(await counts(module)).toEqual({
      hits: 3,
      misses: 1,
      puts: 2,
      staleHits: 2,
      elections: 1,
    })
  })

  test("match() of another request object, even for the same URL, finds and counts", async () => {
    const module = freshCache()
    await module.put(get("/other"), new Response("other"))
    const { send } = wrappedIn(
      module,
      async () => {
        const other = await bodyOf(module, get("/other"))
        return new Response(`${other} ${await bodyOf(module, AT)}`)
      },
      POLICY,
    )
    expect(await (await send()).text()).toBe("other undefined")
    expect(await module.stats()).toEqual({ ...NO_STATS, hits: 1, misses: 2, puts: 2 })
  })

  test("match() by another declaration of the identity finds nothing either", async () => {
    const module = freshCache()
    const other = sameIdentity(module)
    const { send } = wrappedIn(
      module,
      async (request) => new Response(`${await bodyOf(other, request)}`),
      POLICY,
    )
    expect(await (await send()).text()).toBe("undefined")
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 1, puts: 1 })
  })

  test("match() of the request of a run that has ended finds and counts", async () => {
    const module = freshCache()
    const { send, received } = wrappedIn(module, () => new Response("x"), POLICY)
    await (await send()).text()
    expect(await bodyOf(module, received[0] as Request)).toBe("x")
    expect(await module.stats()).toEqual({ ...NO_STATS, hits: 1, misses: 1, puts: 1 })
  })

  test("a purge after the start of the run drops the handler's put, and that of wrap too", async () => {
    const gate = deferred()
    const { module, send, runs } = wrappedByGuide(freshCache(), async (run) => {
      await gate.promise
      return new Response(`run ${run}`)
    })
    const answer = send()
    await waitUntil(() => runs() === 1)
    await module.purge({ request: AT })
    gate.resolve()
    expect(await (await answer).text()).toBe("run 1")
    await waitUntilIdle()
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await counts(module)).toEqual({ misses: 2, fencedWrites: 2 })
  })
})

describe("a put() of the handler that stores nothing", () => {
  test("because the response is private keeps wrap from storing it, too", async () => {
    const build = () => new Response("x", { headers: { "cache-control": "private" } })
    const { module, send } = wrappedByGuide(freshCache(), build)
    expect(cacheStatusOf(await send())).toBe("fwd=uri-miss; fwd-status=200; detail=private")
    expect(await refusals(module)).toEqual({ private: 2 })
  })

  test("because it was for another request lets wrap store the response", async () => {
    const module = freshCache()
    const { send } = wrappedIn(
      module,
      async (_request) => {
        await module.put(get("/other"), new Response("other"))
        return new Response("own")
      },
      POLICY,
    )
    await (await send()).text()
    expect([await bodyOf(module, AT), await bodyOf(module, get("/other"))]).toEqual([
      "own",
      "other",
    ])
  })

  test("because its body fails lets wrap store the response", async () => {
    const module = freshCache()
    const { send } = wrappedIn(
      module,
      async (request) => {
        const broken = new Response(streamOf(["x"], new Error("cut")))
        await module.put(request, broken).catch(() => {})
        return new Response("own")
      },
      POLICY,
    )
    await (await send()).text()
    expect(await bodyOf(module, AT)).toBe("own")
    expect(await module.stats()).toMatchObject({ puts: 1 })
  })
})

test("a handler may return a response of the cache", async () => {
  const module = freshCache()
  await module.put(get("/source"), new Response("source", { headers: { "x-kept": "1" } }), {
    ttlSeconds: 600,
  })
  await advanceSeconds(10)
  const { send } = wrappedIn(
    module,
    async () => (await module.match(get("/source"))) as Response,
    POLICY,
  )
  const response = await send()
  expect([response.headers.get("x-kept"), await response.text()]).toEqual(["1", "source"])
  expect(response.headers.get("cache-status")).toBe(
    `${module.identity}; hit; ttl=590, ${module.identity}; fwd=uri-miss; fwd-status=200; stored; ttl=60`,
  )
  const hit = await send()
  expect([hit.headers.get("age"), await hit.text()]).toEqual(["0", "source"])
})

test("a handler may call itself with another URL", async () => {
  const module = freshCache()
  const wrapper = wrappedIn(
    module,
    async ({ url }) => {
      if (url.endsWith("/inner")) return new Response("inner")
      return new Response(`outer of ${await (await wrapper.send(get("/inner"))).text()}`)
    },
    POLICY,
  )
  expect(await (await wrapper.send()).text()).toBe("outer of inner")
  expect(await module.stats()).toEqual({ ...NO_STATS, misses: 2, puts: 2 })
})
