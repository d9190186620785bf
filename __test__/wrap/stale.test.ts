import { bodyOf, get, refusals } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import { controlledStream } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  type TestHandler,
  TTL,
  texts,
  WINDOW,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"
import { wrappedStale } from "../helpers/wrap-stale"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 100

const renewed: TestHandler = () => new Response("new")
const LATE = { past: 1 }

describe("inside the stale window", () => {
  test("a caller gets the stale response before the handler responds, and the next caller the new one", async () => {
    const { promise, resolve } = deferred<Response>()
    const { module, send, runs } = await wrappedStale(() => promise, {}, LATE)
    const stale = await send()
    expect(stale.headers.get("cache-status")).toBe(`${module.identity}; hit; ttl=-1; detail=stale`)
    expect([stale.headers.get("age"), await stale.text(), runs()]).toEqual(["61", "old", 2])
    resolve(new Response("new"))
    await waitUntilIdle()
    const fresh = await send()
    expect([cacheStatusOf(fresh), await fresh.text(), runs()]).toEqual(["hit; ttl=60", "new", 2])
    expect(await counts(module)).toEqual({
      hits: 2,
      misses: 1,
      puts: 2,
      staleHits: 1,
      elections: 1,
    })
  })

  test("100 concurrent callers and later ones cause one background run", async () => {
    const body = controlledStream()
    const { module, send, runs } = await wrappedStale(() => new Response(body.stream), {}, LATE)
    expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ old: CALLERS })
    body.enqueue("ne")
    await waitUntilIdle()
    expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ old: CALLERS })
    expect(runs()).toBe(2)
    body.enqueue("w")
    body.end()
    await waitUntilIdle()
    expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ new: CALLERS })
    expect(runs()).toBe(2)
    expect(await counts(module)).toEqual({
      hits: 3 * CALLERS,
      misses: 1,
      puts: 2,
      staleHits: 2 * CALLERS,
      elections: 1,
    })
  })

  test.each([
    [TTL - 0.001, "hit; ttl=0", 1],
    [TTL, "hit; ttl=0; detail=stale", 2],
    [TTL + WINDOW - 0.001, "hit; ttl=-300; detail=stale", 2],
    [TTL + WINDOW, "fwd=stale; fwd-status=200; stored; ttl=60", 2],
  ])(
    "that at %d s after the run has the status %p, the handler has run %d times",
    async (at, expected, total) => {
      const { send, runs } = wrapped(
        (_, run) => new Response(`run ${run}`, { headers: { etag: '"v"' } }),
        POLICY,
      )
      await (await send()).text()
      await advanceSeconds(at)
      expect(cacheStatusOf(await send())).toBe(expected)
      await waitUntilIdle()
      expect(runs()).toBe(total)
    },
  )

  test.each<[string, RequestInit, number]>([
    ["a range", { headers: { range: "bytes=1-1" } }, 206],
    ["a condition", { headers: { "if-none-match": "*" } }, 304],
    ["HEAD", { method: "HEAD" }, 200],
  ])(
    "%s is answered from the stale response, which is refreshed completely",
    async (_, init, status) => {
      const { send, received } = await wrappedStale(renewed, {}, LATE)
      const response = await send(new Request(AT, init))
      expect([response.status, cacheStatusOf(response)]).toEqual([
        status,
        "hit; ttl=-1; detail=stale",
      ])
      await waitUntilIdle()
      await (await send()).text()
      await waitUntilIdle()
      expect(await (await send()).text()).toBe("new")
      expect([received.length, received.at(-1)?.method]).toEqual([2, "GET"])
    },
  )

  test("a caller of match() and a wrapped handler do not both refresh an entry", async () => {
    const one = await wrappedStale(renewed, {}, LATE)
    expect(await one.module.match(AT)).toBeUndefined()
    expect(await (await one.send()).text()).toBe("old")
    await waitUntilIdle()
    expect(one.runs()).toBe(1)

    const { promise, resolve } = deferred<Response>()
    const other = await wrappedStale(() => promise, {}, LATE)
    expect(await (await other.send()).text()).toBe("old")
    expect(await bodyOf(other.module, AT)).toBe("old")
    resolve(new Response("new"))
    await waitUntilIdle()
    expect(await bodyOf(other.module, AT)).toBe("new")
    expect(await counts(other.module)).toMatchObject({ elections: 1 })
  })

  test("variants are refreshed separately", async () => {
    const { send, runs } = wrapped(
      (request, run) =>
        new Response(`${request.headers.get("x-a")} ${run}`, { headers: { vary: "x-a" } }),
      POLICY,
    )
    const of = (value: string) => send(get(PATH, { "x-a": value }))
    expect(await texts([of("1"), of("2")])).toEqual(["1 1", "2 2"])
    await advanceSeconds(TTL)
    expect(await texts([of("1"), of("2"), of("1"), of("2")])).toEqual(["1 1", "2 2", "1 1", "2 2"])
    await waitUntilIdle()
    expect(await texts([of("1"), of("2")])).toEqual(["1 3", "2 4"])
    expect(runs()).toBe(4)
  })

  test("a soft purge makes a fresh response stale, and the next caller causes a refresh", async () => {
    const { module, send, runs } = wrapped((_, run) => new Response(`run ${run}`), POLICY)
    await (await send()).text()
    expect(await module.purge({ request: AT, soft: true })).toEqual({ purged: 1 })
    expect(await (await send()).text()).toBe("run 1")
    await waitUntilIdle()
    expect(await (await send()).text()).toBe("run 2")
    expect(runs()).toBe(2)
  })
})

describe("a refresh", () => {
  test("that gets another status replaces the response for the next callers", async () => {
    const { send, runs } = await wrappedStale(() => new Response("gone", { status: 410 }))
    await send()
    await waitUntilIdle()
    const response = await send()
    expect([response.status, await response.text(), runs()]).toEqual([410, "gone", 2])
  })

  test("is passed to waitUntil as a promise that is fulfilled when its response is stored", async () => {
    const work: Promise<unknown>[] = []
    const body = controlledStream()
    const { module, send } = await wrappedStale(() => new Response(body.stream), {
      waitUntil: (promise) => void work.push(promise),
    })
    await send()
    expect(work).toHaveLength(2)
    const refreshed = work[1] as Promise<unknown>
    expect(await outcomeSoFar(refreshed)).toBe("pending")
    body.end()
    await refreshed
    expect(await bodyOf(module, AT)).toBe("")
  })

  test.each<[string, Record<string, string>, string]>([
    ["private", { "cache-control": "private" }, "private"],
    ["no-store", { "cache-control": "no-store" }, "no-store"],
    ["no-cache", { "cache-control": "no-cache" }, "no-cache"],
    ["Set-Cookie", { "set-cookie": "a=b" }, "set-cookie"],
    ["Vary: *", { vary: "*" }, "vary"],
    ["text/event-stream", { "content-type": "text/event-stream" }, "event-stream"],
  ])("that turns out to be %s removes the stale response", async (_, headers, reason) => {
    const { module, send, runs } = await wrappedStale(() => new Response("own", { headers }))
    expect(await (await send()).text()).toBe("old")
    await waitUntilIdle()
    expect(await module.inspect()).toMatchObject({ entries: 0, failedRefreshes: 0 })
    expect(await refusals(module)).toEqual({ [reason]: 1 })
    expect(await (await send()).text()).toBe("own")
    expect(runs()).toBe(3)
  })

  test("whose waitUntil throws is still made, and the caller is served", async () => {
    let calls = 0
    const { module, send } = await wrappedStale(
      renewed,
      {
        waitUntil: () => {
          calls++
          if (calls > 1) throw new Error("too late")
        },
      },
      LATE,
    )
    expect(await (await send()).text()).toBe("old")
    await waitUntilIdle()
    expect(await bodyOf(module, AT)).toBe("new")
  })

  test("is not cancelled by the client", async () => {
    const client = new AbortController()
    const { promise, resolve } = deferred<Response>()
    const { send, received } = await wrappedStale(() => promise, {}, LATE)
    await send(new Request(AT, { signal: client.signal }))
    client.abort()
    await waitUntilIdle()
    expect(received[1]?.signal.aborted).toBe(false)
    resolve(new Response("new"))
    await waitUntilIdle()
    expect(await (await send()).text()).toBe("new")
  })
})
