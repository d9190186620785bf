import { bodyOf, get, refusals } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import { controlledStream } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
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
  test("100 concurrent callers get the stale response until the body of the one refresh is complete", async () => {
    const body = controlledStream()
    const { module, send, runs } = await wrappedStale(() => new Response(body.stream), {}, LATE)
    const callers = async () => countEach(await texts(concurrently(CALLERS, () => send())))
    expect(await callers()).toEqual({ old: CALLERS })
    body.enqueue("ne")
    await waitUntilIdle()
    expect(await callers()).toEqual({ old: CALLERS })
    body.enqueue("w")
    body.end()
    await waitUntilIdle()
    expect(await callers()).toEqual({ new: CALLERS })
    expect(runs()).toBe(2)
    expect(await counts(module)).toEqual({
      hits: 3 * CALLERS,
      misses: 1,
      puts: 2,
      staleHits: 2 * CALLERS,
      elections: 1,
    })
  })

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
