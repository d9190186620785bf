import type { CacheModuleOptions, CacheWrapOptions } from "@layeron/modules"
import { freshCache, get } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  endTest,
  PATH,
  POLICY,
  type TestHandler,
  TTL,
  wrapped,
  wrappedIn,
} from "../helpers/wrap"
import { throwingHandler, wrappedStale } from "../helpers/wrap-stale"

beforeEach(stopTime)
afterEach(endTest)

const respondingWith =
  (headers: Record<string, string>, status = 200): TestHandler =>
  () =>
    new Response(status === 304 ? null : "x", { status, headers })

/** Returns the `Cache-Status` of a wrapped handler's first response. */
async function firstStatus(
  run: TestHandler,
  request: Request,
  options: CacheWrapOptions = POLICY,
  declared: Partial<CacheModuleOptions> = {},
) {
  const rules = [{ bypass: { headers: ["x-preview"] } }]
  return cacheStatusOf(await wrapped(run, options, { rules, ...declared }).send(request))
}

const LEADER_STATUS = "fwd=uri-miss; fwd-status=200; stored; ttl=60"

describe("Cache-Status of a handler's response says", () => {
  test.each<[string, TestHandler, Request, string]>([
    ["that it is stored", respondingWith({}), get(PATH), LEADER_STATUS],
    [
      "which status it has",
      respondingWith({}, 404),
      get(PATH),
      "fwd=uri-miss; fwd-status=404; stored; ttl=60",
    ],
    [
      "the method that is not stored",
      respondingWith({}, 201),
      new Request(AT, { method: "POST" }),
      "fwd=method; fwd-status=201",
    ],
    [
      "that a rule makes it skip the cache",
      respondingWith({}),
      get(PATH, { "x-preview": "1" }),
      "fwd=bypass; fwd-status=200",
    ],
    [
      "nothing of HEAD",
      respondingWith({}),
      new Request(AT, { method: "HEAD" }),
      "fwd=uri-miss; fwd-status=200",
    ],
    [
      "no-store",
      respondingWith({ "cache-control": "no-store" }),
      get(PATH),
      "fwd=uri-miss; fwd-status=200; detail=no-store",
    ],
    [
      "no-cache",
      respondingWith({ "cache-control": "no-cache" }),
      get(PATH),
      "fwd=uri-miss; fwd-status=200; detail=no-cache",
    ],
    [
      "private",
      respondingWith({ "cache-control": "private" }),
      get(PATH),
      "fwd=uri-miss; fwd-status=200; detail=private",
    ],
    [
      "Set-Cookie",
      respondingWith({ "set-cookie": "a=b" }),
      get(PATH),
      "fwd=uri-miss; fwd-status=200; detail=set-cookie",
    ],
    [
      "a status that is not stored",
      respondingWith({}, 304),
      get(PATH),
      "fwd=uri-miss; fwd-status=304; detail=status",
    ],
    [
      "an event stream",
      respondingWith({ "content-type": "text/event-stream" }),
      get(PATH),
      "fwd=uri-miss; fwd-status=200; detail=event-stream",
    ],
    [
      "tags that are none",
      respondingWith({ "cache-tag": `${"a".repeat(1025)}` }),
      get(PATH),
      "fwd=uri-miss; fwd-status=200; detail=cache-tag",
    ],
    [
      "Vary: *",
      respondingWith({ vary: "*" }),
      get(PATH),
      "fwd=uri-miss; fwd-status=200; detail=vary",
    ],
    ["no freshness", respondingWith({}, 500), get(PATH), "fwd=uri-miss; fwd-status=500"],
    [
      "no freshness of what is no failure",
      respondingWith({}, 400),
      get(PATH),
      "fwd=uri-miss; fwd-status=400; detail=no-freshness",
    ],
    [
      "Authorization",
      respondingWith({}),
      get(PATH, { authorization: "a" }),
      "fwd=uri-miss; fwd-status=200; detail=authorization",
    ],
    [
      "no-store of the request",
      respondingWith({}),
      get(PATH, { "cache-control": "no-store" }),
      "fwd=uri-miss; fwd-status=200; detail=request-no-store",
    ],
    [
      "partial content",
      respondingWith({}, 206),
      get(PATH, { range: "bytes=0-0" }),
      "fwd=uri-miss; fwd-status=206; detail=partial-content",
    ],
  ])("%s", async (_, run, request, expected) => {
    expect(await firstStatus(run, request)).toBe(expected)
  })

  test("that it is too large", async () => {
    const declared = { storage: { memory: { maxEntryBytes: 1_000 } } }
    expect(
      await firstStatus(respondingWith({ "content-length": "1001" }), get(PATH), POLICY, declared),
    ).toBe("fwd=uri-miss; fwd-status=200; detail=too-large")
  })

  test("its lifetime less its age", async () => {
    const headers = { "cache-control": "max-age=60", age: "20" }
    expect(await firstStatus(respondingWith(headers), get(PATH), {})).toBe(
      "fwd=uri-miss; fwd-status=200; stored; ttl=40",
    )
  })

  test("collapsed for waiters, and vary-miss if the stored responses are other variants", async () => {
    const { send } = wrapped(async () => new Response("x", { headers: { vary: "x-a" } }), POLICY)
    const answers = await Promise.all(concurrently(2, () => send(get(PATH, { "x-a": "1" }))))
    expect(answers.map(cacheStatusOf)).toEqual([
      LEADER_STATUS,
      "fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60",
    ])
    await Promise.all(answers.map((answer) => answer.text()))
    const others = await Promise.all(concurrently(2, () => send(get(PATH, { "x-a": "2" }))))
    expect(others.map(cacheStatusOf)).toEqual([
      "fwd=vary-miss; fwd-status=200; stored; ttl=60",
      "fwd=vary-miss; fwd-status=200; stored; collapsed; ttl=60",
    ])
  })

  test("stale or request if the stored response could not be used", async () => {
    const { send } = wrapped(async (_, run) => new Response(`${run}`), { ttlSeconds: TTL })
    await (await send()).text()
    const forced = get(PATH, { "cache-control": "no-cache" })
    const fresh = await send(forced)
    expect([cacheStatusOf(fresh), await fresh.text()]).toEqual([
      "fwd=request; fwd-status=200; stored; ttl=60",
      "2",
    ])
    await advanceSeconds(TTL)
    expect((await Promise.all(concurrently(2, () => send()))).map(cacheStatusOf)).toEqual([
      "fwd=stale; fwd-status=200; stored; ttl=60",
      "fwd=stale; fwd-status=200; stored; collapsed; ttl=60",
    ])
  })
})

describe("Cache-Status of a response from the store says", () => {
  test("that it is a hit, and when it is stale that it is", async () => {
    const { send } = await wrappedStale(() => new Promise(() => {}), {}, { past: -0.5 })
    expect(cacheStatusOf(await send())).toBe("hit; ttl=0")
    await advanceSeconds(0.5)
    expect(cacheStatusOf(await send())).toBe("hit; ttl=0; detail=stale")
    await advanceSeconds(0.001)
    expect(cacheStatusOf(await send())).toBe("hit; ttl=-1; detail=stale")
  })

  test("that the handler has failed, and with what", async () => {
    const options = { staleWhileRevalidateSeconds: 0, staleIfErrorSeconds: 60 }
    const thrown = await wrappedStale(throwingHandler, options)
    expect((await Promise.all(concurrently(2, () => thrown.send()))).map(cacheStatusOf)).toEqual([
      "fwd=stale; ttl=0; detail=stale-if-error",
      "hit; ttl=0; detail=stale-if-error",
    ])
    const answered = await wrappedStale(respondingWith({}, 502), options)
    expect(cacheStatusOf(await answered.send())).toBe(
      "fwd=stale; fwd-status=502; ttl=0; detail=stale-if-error",
    )
  })
})

test("Cache-Status of a 504 by the cache gives the reason", async () => {
  const { module, send } = wrapped(() => new Response("x"), POLICY)
  const response = await send(get(PATH, { "cache-control": "only-if-cached" }))
  expect(response.headers.get("cache-status")).toBe(`${module.identity}; detail=only-if-cached`)
})

test("Cache-Status is appended to that of other caches, in stored responses too", async () => {
  const { module, send } = wrapped(respondingWith({ "cache-status": "far; hit; ttl=5" }), POLICY)
  const status = async () => {
    const response = await send()
    await response.text()
    return response.headers.get("cache-status")
  }
  expect(await status()).toBe(`far; hit; ttl=5, ${module.identity}; ${LEADER_STATUS}`)
  expect(await status()).toBe(`far; hit; ttl=5, ${module.identity}; hit; ttl=60`)
})

test("Cache-Status has a cache's name as a string if it does not begin with a letter", async () => {
  const module = freshCache({ namespace: "9" })
  const { send } = wrappedIn(module, () => new Response("x"), POLICY)
  expect((await send()).headers.get("cache-status")).toBe(`"${module.identity}"; ${LEADER_STATUS}`)
})
