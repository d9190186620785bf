import type { CacheEvent, CacheModuleOptions } from "@layeron/modules"
import { BindingCache } from "../../native.js"
import { get } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { collectEvents, type Operation, stopCollecting } from "../helpers/events"
import { deferred } from "../helpers/stale-module"
import { streamOf } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  collectWarnings,
  concurrently,
  countEach,
  endTest,
  PATH,
  POLICY,
  type TestHandler,
  TTL,
  type Wrapped,
  waitUntil,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"
import { sendAndSettle, throwingHandler, wrappedStale } from "../helpers/wrap-stale"

beforeEach(() => {
  stopTime()
  collectWarnings()
})
afterEach(async () => {
  await endTest()
  stopCollecting()
  jest.restoreAllMocks()
})

const ALL: Operation[] = ["match", "put", "refresh", "delete", "purge"]
const respondWithX: TestHandler = () => new Response("x")
const respondingWith =
  (control: string): TestHandler =>
  () =>
    new Response("x", { headers: { "cache-control": control } })

/** Sends a request, waits until idle, and returns the events in short form. */
async function shortEventsOf(wrapper: Wrapped, request = new Request(AT)): Promise<string[]> {
  const { events, stop } = collectEvents(ALL)
  await wrapper
    .send(request)
    .then((response) => response.text())
    .catch(() => {})
  await waitUntilIdle()
  stop()
  const { identity, namespace, name } = wrapper.module
  return (events as CacheEvent[]).map(({ operation, outcome, reason, ...where }) => {
    expect(where).toEqual({ identity, namespace, name, key: wrapper.module.key(request) })
    return [operation, outcome, ...(reason === undefined ? [] : [reason])].join(" ")
  })
}

describe("events of a request report", () => {
  const rules = [
    { path: "/w/:id", bypass: { headers: ["x-preview"], cookies: ["session"], query: ["draft"] } },
  ]

  test.each<[string, TestHandler, Request, string[]]>([
    [
      "why the handler was run, and that its response is stored",
      respondWithX,
      get(PATH),
      ["match miss uri-miss", "put stored"],
    ],
    [
      "why its response is not",
      respondingWith("private"),
      get(PATH),
      ["match miss uri-miss", "put refused private"],
    ],
    [
      "what its body broke off with",
      () => new Response(streamOf(["x"], new Error("cut"))),
      get(PATH),
      ["match miss uri-miss", "put error Error: cut"],
    ],
    [
      "that its body is shorter than its Content-Length",
      () => new Response("x", { headers: { "content-length": "2" } }),
      get(PATH),
      [
        "match miss uri-miss",
        "put error TypeError: the body is not as long as its Content-Length says",
      ],
    ],
    ["that it failed", throwingHandler, get(PATH), ["match miss uri-miss"]],
    [
      "the method that is not stored",
      respondWithX,
      new Request(AT, { method: "POST" }),
      ["match bypass method"],
    ],
    [
      "the header that makes it skip the cache",
      respondWithX,
      get(PATH, { "x-preview": "1" }),
      ["match bypass header x-preview"],
    ],
    [
      "the cookie that makes it skip the cache",
      respondWithX,
      get(PATH, { cookie: "session=1" }),
      ["match bypass cookie session"],
    ],
    [
      "the query that makes it skip the cache",
      respondWithX,
      get(`${PATH}?draft=1`),
      ["match bypass query draft"],
    ],
    [
      "that only what is stored would do",
      respondWithX,
      get(PATH, { "cache-control": "only-if-cached" }),
      ["match miss only-if-cached"],
    ],
    [
      "that it was of HEAD",
      respondWithX,
      new Request(AT, { method: "HEAD" }),
      ["match miss uri-miss"],
    ],
  ])("%s", async (_, run, request, expected) => {
    expect(await shortEventsOf(wrapped(run, POLICY, { rules }), request)).toEqual(expected)
  })

  test("a body that is longer than its Content-Length", async () => {
    const long: TestHandler = () =>
      new Response(streamOf(["x", "yz"]), { headers: { "content-length": "2" } })
    const [match, put, ...others] = await shortEventsOf(wrapped(long, POLICY))
    expect([match, others]).toEqual(["match miss uri-miss", []])
    expect(put).toMatch(/^put error TypeError: .*Content-Length/)
  })

  test("a hit, a stale hit with the outcome of its refresh, and a miss", async () => {
    const wrapper = wrapped(
      (_, run) =>
        run === 3 ? throwingHandler(_, run) : new Response("x", { headers: { vary: "x-a" } }),
      POLICY,
    )
    await shortEventsOf(wrapper)
    expect(await shortEventsOf(wrapper)).toEqual(["match hit"])
    expect(await shortEventsOf(wrapper, get(PATH, { "x-a": "1" }))).toEqual([
      "match miss vary-miss",
      "put stored",
    ])
    await advanceSeconds(TTL)
    expect(await shortEventsOf(wrapper)).toEqual(["match stale", "refresh failed Error: down"])
    await advanceSeconds(1)
    expect(await shortEventsOf(wrapper)).toEqual(["match stale", "put stored", "refresh refreshed"])
    expect(await shortEventsOf(wrapper, get(PATH, { "cache-control": "no-cache" }))).toEqual([
      "match miss request",
      "put stored",
    ])
  })

  test("a pause after a failure, and the stale response that is served meanwhile", async () => {
    const failing = wrapped(throwingHandler, POLICY)
    await shortEventsOf(failing)
    expect(await shortEventsOf(failing)).toEqual(["match miss failed"])
    const wrapper = await wrappedStale(throwingHandler, {
      staleWhileRevalidateSeconds: 0,
      staleIfErrorSeconds: 60,
    })
    expect(await shortEventsOf(wrapper)).toEqual(["match miss stale"])
    expect(await shortEventsOf(wrapper)).toEqual([expect.stringMatching(/^match /)])
  })

  test("a response that was dropped because of a purge", async () => {
    const gate = deferred()
    const wrapper = wrapped(async () => {
      await gate.promise
      return new Response("x")
    }, POLICY)
    const { events, stop } = collectEvents(["put"])
    const answer = wrapper.send()
    await waitUntil(() => wrapper.runs() === 1)
    await wrapper.module.purge({ request: AT })
    gate.resolve()
    await (await answer).text()
    await waitUntilIdle()
    stop()
    expect(events).toEqual([expect.objectContaining({ outcome: "fenced", reason: "purged" })])
  })
})

describe("of 100 callers at once", () => {
  async function outcomes(
    handler: TestHandler,
    operations: Operation[] = ["match"],
  ): Promise<Record<string, number>> {
    const gate = deferred()
    const wrapper = wrapped(async (request, run) => {
      await gate.promise
      return handler(request, run)
    }, POLICY)
    const { events, stop } = collectEvents(operations)
    const all = concurrently(100, () => wrapper.send())
    await waitUntilIdle()
    gate.resolve()
    await Promise.allSettled(all)
    await waitUntilIdle()
    stop()
    return countEach((events as CacheEvent[]).map(({ outcome, reason }) => `${outcome} ${reason}`))
  }

  test("one runs the handler according to its event, and 99 are collapsed", async () => {
    expect(await outcomes(respondWithX, ["match", "put"])).toEqual({
      "miss uri-miss": 1,
      "miss collapsed": 99,
      "stored undefined": 1,
    })
  })

  test("each has one event, even if it waits repeatedly", async () => {
    const all = await outcomes(respondingWith("private"))
    expect(Object.values(all).reduce((sum, count) => sum + count)).toBe(100)
  })
})

describe("metrics", () => {
  const lines: string[] = []
  const observed: Partial<CacheModuleOptions> = {
    observability: { sink: (line) => void lines.push(line) },
  }
  const metrics = () => countEach(lines.splice(0).map((line) => JSON.parse(line).metric))

  test("are as many as stats() and inspect() say", async () => {
    const wrapper = wrapped(
      (_, run) => (run > 1 ? throwingHandler(_, run) : new Response("x")),
      POLICY,
      observed,
    )
    await sendAndSettle(wrapper)
    await sendAndSettle(wrapper)
    await advanceSeconds(TTL)
    await sendAndSettle(wrapper)
    const { hits, misses, puts } = await wrapper.module.stats()
    const { failedRefreshes } = await wrapper.module.inspect()
    expect(metrics()).toEqual({
      "cache.hits": hits,
      "cache.misses": misses,
      "cache.puts": puts,
      "cache.errors": failedRefreshes,
    })
  })

  test("count responses served stale on an error as stats() does", async () => {
    const staleOptions = { staleWhileRevalidateSeconds: 0, staleIfErrorSeconds: 60 }
    const wrapper = await wrappedStale(throwingHandler, staleOptions, observed)
    for (let call = 0; call < 3; call++) expect(await sendAndSettle(wrapper)).toBe("old")
    const { hits, misses } = await wrapper.module.stats()
    expect({ "cache.hits": 0, ...metrics() }).toEqual({
      "cache.hits": hits,
      "cache.misses": misses,
      "cache.puts": 1,
    })
  })

  test("count each request as one miss, however often it has waited", async () => {
    const wrapper = wrapped(async () => respondingWith("private")(get(PATH), 1), POLICY, observed)
    await Promise.all(concurrently(10, () => wrapper.send()))
    expect((await wrapper.module.stats()).misses).toBe(10)
    expect(metrics()).toEqual({ "cache.misses": 10 })
  })
})

test("a request whose event cannot be created is answered, and so are its waiters", async () => {
  const { events, stop } = collectEvents(["match"])
  const { promise, resolve } = deferred<Response>()
  const { send, runs } = wrapped(() => promise, POLICY)
  jest.spyOn(BindingCache.prototype, "explain").mockImplementationOnce(() => {
    throw new Error("no event")
  })
  const calls = [send(), send()]
  await waitUntilIdle()
  resolve(new Response("built"))
  const texts = (await Promise.all(calls)).map((response) => response.text())
  expect(await Promise.all(texts)).toEqual(["built", "built"])
  expect(runs()).toBe(1)
  stop()
  expect((events as CacheEvent[]).map(({ reason }) => reason)).toEqual(["collapsed"])
})
