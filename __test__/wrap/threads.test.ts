import type { CacheModule } from "@layeron/modules"
import { bodyOf, errorOf, freshCache } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  countEach,
  counts,
  POLICY,
  TTL,
  waitUntil,
  wrappedIn,
} from "../helpers/wrap"
import { type Mode, Threads } from "../helpers/wrap-thread"

beforeEach(stopTime)
afterEach(async () => {
  jest.useRealTimers()
  await Promise.all(started.splice(0).map((threads) => threads.end()))
})

const started: Threads[] = []
/** Callers on each of two threads. */
const EACH = 50
const ALL = 2 * EACH

async function twoThreads(mode: Mode, module: CacheModule = freshCache()) {
  const threads = new Threads(module)
  started.push(threads)
  await threads.start(mode)
  await threads.start(mode)
  return { module, threads }
}

describe("100 concurrent requests over two worker threads", () => {
  test("of a cold key make one run, and each gets the full body", async () => {
    const { module, threads } = await twoThreads("built")
    const results = (await threads.callConcurrently(EACH)).flat()
    expect(countEach(results.map(({ text }) => text))).toEqual({ built: ALL })
    expect(threads.runs()).toBe(1)
    const described = "fwd=uri-miss; fwd-status=200; stored"
    expect(countEach(results.map((one) => one.cacheStatus))).toEqual({
      [`${described}; ttl=60`]: 1,
      [`${described}; collapsed; ttl=60`]: ALL - 1,
    })
    expect(await counts(module)).toEqual({ misses: ALL, puts: 1, collapsed: ALL - 1 })
    expect(await bodyOf(module, AT)).toBe("built")
  })

  test("for a stale response are served at once, and make one background run", async () => {
    const { module, threads } = await twoThreads("new")
    await module.put(AT, new Response("old"), POLICY)
    await advanceSeconds(TTL + 1)
    const results = (await threads.callConcurrently(EACH)).flat()
    expect(countEach(results.map(({ text }) => text))).toEqual({ old: ALL })
    expect(countEach(results.map((one) => one.cacheStatus))).toEqual({
      "hit; ttl=-1; detail=stale": ALL,
    })
    expect(threads.runs()).toBe(1)
    await waitUntil(async () => (await module.stats()).puts === 2)
    const after = (await threads.callConcurrently(EACH)).flat()
    expect(countEach(after.map(({ text }) => text))).toEqual({ new: ALL })
    expect(threads.runs()).toBe(1)
    expect(await counts(module)).toEqual({ hits: 2 * ALL, puts: 2, staleHits: ALL, elections: 1 })
  })

  test("of a failing handler make two runs, and errors reach the other thread by their message", async () => {
    const { module, threads } = await twoThreads("throws")
    const results = await threads.callConcurrently(EACH)
    expect(threads.runs()).toBe(2)
    const OWN = "undefined: down"
    const OTHER = "LAYERON_HANDLER_FAILED: the handler has failed for another caller: Error: down"
    const kinds = new Set(results.flat().map(({ error, code }) => `${code}: ${error}`))
    expect(kinds).toEqual(new Set([OWN, OTHER]))
    expect(await module.stats()).toMatchObject({ misses: ALL, puts: 0 })
    expect(
      (await threads.callConcurrently(EACH)).flat().filter(({ error }) => error?.includes("down")),
    ).toHaveLength(ALL)
    expect(threads.runs()).toBe(2)
  })

  test("of a handler that answers 503 make 100 runs, each for its own caller", async () => {
    const { threads } = await twoThreads("fails")
    const results = (await threads.callConcurrently(EACH)).flat()
    expect(countEach(results.map(({ status, text }) => `${status} ${text}`))).toEqual({
      "503 down": ALL,
    })
    expect(threads.runs()).toBe(ALL)
  })

  test("whose response is private make 100 runs, each for its own caller", async () => {
    const { threads } = await twoThreads("private")
    const results = (await threads.callConcurrently(EACH)).flat()
    expect(new Set(results.map(({ text }) => text)).size).toBe(ALL)
    expect(threads.runs()).toBe(ALL)
  })

  test("in two languages make two runs, and each gets its own", async () => {
    const { threads } = await twoThreads("language")
    const headers = [{ "accept-language": "de" }, { "accept-language": "en" }]
    for (const results of await threads.callConcurrently(EACH, headers)) {
      expect(results.map(({ text }) => text)).toEqual(
        Array.from({ length: EACH }, (_, caller) => (caller % 2 === 0 ? "de" : "en")),
      )
    }
    expect(threads.runs()).toBe(2)
  })
})

describe("a failure of one thread's handler", () => {
  test("fails another's callers for 200 ms with an Error of its own, and no handler is run", async () => {
    const { module, threads } = await twoThreads("throws")
    await threads.callConcurrently(1)
    const local = wrappedIn(module, () => new Response("here"), POLICY)
    const error = await errorOf(() => local.send())
    expect(error).toBeInstanceOf(Error)
    expect([error.code, error.message]).toEqual([
      "LAYERON_HANDLER_FAILED",
      "the handler has failed for another caller: Error: down",
    ])
    await advanceSeconds(0.199)
    await errorOf(() => local.send())
    expect(local.runs()).toBe(0)
    await advanceSeconds(0.001)
    expect(await (await local.send()).text()).toBe("here")
  })

  test("gives another's callers a stale response, if stale-if-error allows it", async () => {
    const { module, threads } = await twoThreads("throws")
    const local = wrappedIn(module, () => new Response("old"), {
      ttlSeconds: TTL,
      staleIfErrorSeconds: 60,
    })
    await (await local.send()).text()
    await advanceSeconds(TTL)
    expect(
      countEach((await threads.callConcurrently(EACH)).flat().map(({ text }) => text)),
    ).toEqual({
      old: ALL,
    })
    expect(threads.runs()).toBe(1)
    expect(cacheStatusOf(await local.send())).toBe("hit; ttl=0; detail=stale-if-error")
    expect(await counts(module)).toMatchObject({ staleIfErrorHits: ALL + 1 })
  })
})
