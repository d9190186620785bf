import type { CacheModuleOptions, CacheWrapOptions } from "@layeron/modules"
import { bodyOf, errorOf, forbidden, freshCache, get, refusals } from "../helpers/cache"
import { setClock, stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  collectWarnings,
  concurrently,
  countEach,
  counts,
  endTest,
  PATH,
  type TestHandler,
  TTL,
  texts,
  WINDOW,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(() => {
  stopTime()
  collectedWarnings = collectWarnings()
})
afterEach(async () => {
  await endTest()
  jest.restoreAllMocks()
})

let collectedWarnings: ReturnType<typeof collectWarnings> = []

const CACHED = { ttlSeconds: TTL }
const LEADER_STATUS = "fwd=uri-miss; fwd-status=200; stored; ttl=60"
const REFUSED = "fwd=uri-miss; fwd-status=200; detail=cookie"

/** Creates the request of a client with this session cookie. */
const requestOfSession = (session: string, headers: Record<string, string> = {}) =>
  get(PATH, { cookie: `session=${session}`, ...headers })

/** Creates a handler that waits a few turns of the event loop and responds with its cookie. */
const respondWithCookie =
  (headers: Record<string, string> = {}): TestHandler =>
  async (request) => {
    await waitUntilIdle()
    return new Response(request.headers.get("cookie") ?? "nobody", { headers })
  }

describe("under a configured lifetime, the response to a request with cookies", () => {
  test("is not stored, and is counted and warned of once", async () => {
    const { module, send } = wrapped(respondWithCookie(), CACHED)
    for (const session of ["1", "2"]) {
      const response = await send(requestOfSession(session))
      expect([cacheStatusOf(response), await response.text()]).toEqual([
        REFUSED,
        `session=${session}`,
      ])
    }
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await refusals(module)).toEqual({ cookie: 2 })
    expect(collectedWarnings).toEqual([
      [expect.stringContaining(`${module.identity} has not stored`), "LAYERON_COOKIE"],
    ])
    for (const remedy of [
      '"cookie" into vary',
      "bypass",
      'cookies: "ignore"',
      "Cache-Control: public",
    ]) {
      expect(collectedWarnings[0]?.[0]).toContain(remedy)
    }
  })

  test.each<[string, Record<string, string>]>([
    ["public", { "cache-control": "public" }],
    ["max-age", { "cache-control": "max-age=5" }],
    ["s-maxage", { "cache-control": "s-maxage=5" }],
    ["Expires", { expires: new Date(Date.UTC(2030, 0, 1)).toUTCString() }],
    ["CDN-Cache-Control", { "cdn-cache-control": "max-age=5" }],
    ["CDN-Cache-Control: public", { "cdn-cache-control": "public" }],
  ])("is stored for all clients if it declares %s", async (_name, headers) => {
    const { send, runs } = wrapped(respondWithCookie(headers), CACHED)
    await (await send(requestOfSession("1"))).text()
    const other = await send(requestOfSession("2"))
    expect([cacheStatusOf(other), await other.text(), runs()]).toEqual([
      "hit; ttl=60",
      "session=1",
      1,
    ])
    expect(collectedWarnings).toEqual([])
  })

  test.each<[string, Record<string, string>]>([
    ["max-age=0", { "cache-control": "max-age=0" }],
    [
      "a max-age that a CDN-Cache-Control takes the place of",
      { "cdn-cache-control": "x", "cache-control": "max-age=9" },
    ],
    ["no number of seconds", { "cache-control": "max-age=x" }],
    ["an Expires in the past", { expires: "0" }],
    ["only a validator", { etag: '"a"', "last-modified": new Date(0).toUTCString() }],
    ["stale-while-revalidate alone", { "cache-control": "stale-while-revalidate=9" }],
    ["Vary without Cookie", { vary: "accept" }],
    ["a cookie of its own", { "set-cookie": "a=b" }],
  ])("is not stored if it has %s", async (_name, headers) => {
    const { module, send } = wrapped(respondWithCookie(headers), CACHED)
    expect(cacheStatusOf(await send(requestOfSession("1")))).toBe(REFUSED)
    expect(await refusals(module)).toEqual({ cookie: 1 })
  })

  test("is stored for clients with the same cookies if it varies by Cookie", async () => {
    const { send, runs } = wrapped(respondWithCookie({ vary: "Cookie" }), CACHED)
    for (const session of ["1", "2", "1", "2"]) {
      expect(await (await send(requestOfSession(session))).text()).toBe(`session=${session}`)
    }
    expect(await (await send()).text()).toBe("nobody")
    expect(runs()).toBe(3)
  })

  test.each<[string, CacheWrapOptions, Partial<CacheModuleOptions>]>([
    ["wrap", { ...CACHED, vary: ["cookie"] }, {}],
    ["the instance", {}, { ...CACHED, vary: ["Cookie"] }],
  ])("is stored if cookies are in the key, by the vary of %s", async (_name, options, declared) => {
    const { send, runs } = wrapped(respondWithCookie(), options, declared)
    for (const session of ["1", "2", "1"]) {
      expect(await (await send(requestOfSession(session))).text()).toBe(`session=${session}`)
    }
    expect(runs()).toBe(2)
    expect(collectedWarnings).toEqual([])
  })

  test("is stored if its cookies are empty", async () => {
    const { send } = wrapped(respondWithCookie(), CACHED)
    expect(cacheStatusOf(await send(get(PATH, { cookie: "" })))).toBe(LEADER_STATUS)
  })

  test.each<[string, CacheWrapOptions, Partial<CacheModuleOptions>]>([
    ["the rule", {}, { rules: [{ path: PATH, ttlSeconds: TTL }] }],
    ["the instance", {}, CACHED],
  ])("is not stored if the lifetime is that of %s", async (_name, options, declared) => {
    const { send } = wrapped(respondWithCookie(), options, declared)
    expect(cacheStatusOf(await send(requestOfSession("1")))).toBe(REFUSED)
  })

  test("does not replace the stored response, which answers requests with cookies", async () => {
    const { module, send, runs } = wrapped(respondWithCookie(), CACHED)
    expect(await (await send()).text()).toBe("nobody")
    const hit = await send(requestOfSession("1"))
    expect([cacheStatusOf(hit), await hit.text()]).toEqual(["hit; ttl=60", "nobody"])
    await advanceSeconds(10)
    await (await send(requestOfSession("1", { "cache-control": "no-cache" }))).text()
    expect([runs(), cacheStatusOf(await send())]).toEqual([2, "hit; ttl=50"])
    expect(await refusals(module)).toEqual({ cookie: 1 })
  })
})

test("without a configured lifetime the response's own fields decide, with any cookies", async () => {
  const modified = new Date(Date.now() - 1_000_000).toUTCString()
  const { send } = wrapped(respondWithCookie({ "last-modified": modified }))
  expect(cacheStatusOf(await send(requestOfSession("1")))).toBe(
    "fwd=uri-miss; fwd-status=200; stored; ttl=100",
  )
})

test("match and put do not look at cookies", async () => {
  const module = freshCache(CACHED)
  await module.put(requestOfSession("1"), new Response("put"))
  expect(await bodyOf(module, requestOfSession("2"))).toBe("put")
})

describe("concurrent requests of a cold key", () => {
  test("with cookies get their own responses, and run concurrently", async () => {
    const gate = deferred()
    const { module, send, received } = wrapped(async (request, run) => {
      if (run > 1) await gate.promise
      return new Response(request.headers.get("cookie"))
    }, CACHED)
    const all = concurrently(100, (caller) => send(requestOfSession(String(caller))))
    await waitUntilIdle()
    expect(received).toHaveLength(100)
    gate.resolve()
    expect(await texts(all)).toEqual(
      Array.from({ length: 100 }, (_, caller) => `session=${caller}`),
    )
    expect(await refusals(module)).toEqual({ cookie: 100 })
  })

  test("without cookies share one run, which is stored", async () => {
    const { send, received } = wrapped(respondWithCookie(), CACHED)
    const all = concurrently(100, (caller) =>
      send(caller % 2 === 0 ? requestOfSession(String(caller)) : get(PATH)),
    )
    const bodies = await texts(all)
    for (const [caller, body] of bodies.entries()) {
      // A request with cookies that comes after the run without cookies gets the stored response of
      // that run.
      expect([caller % 2 === 0 ? `session=${caller}` : "nobody", "nobody"]).toContain(body)
    }
    const plain = received.filter(({ headers }) => !headers.has("cookie"))
    expect(plain).toHaveLength(1)
    expect(cacheStatusOf(await send(requestOfSession("x")))).toBe("hit; ttl=60")
  })

  test("without cookies are coalesced in the minute after a refusal", async () => {
    const { send, runs } = wrapped(respondWithCookie(), CACHED)
    await (await send(requestOfSession("1"))).text()
    const all = concurrently(100, () => send())
    expect(countEach(await texts(all))).toEqual({ nobody: 100 })
    expect(runs()).toBe(2)
  })

  test("with cookies are coalesced again a minute after the refusal", async () => {
    const { send, runs } = wrapped(
      (_, run) => new Response("x", run === 1 ? {} : { headers: { vary: "Cookie" } }),
      CACHED,
    )
    await (await send(requestOfSession("1"))).text()
    await advanceSeconds(60)
    expect(countEach(await texts(concurrently(9, () => send(requestOfSession("1")))))).toEqual({
      x: 9,
    })
    expect(runs()).toBe(2)
  })
})

describe("a stale response", () => {
  const STALE = { ttlSeconds: TTL, staleWhileRevalidateSeconds: WINDOW }

  test("is refreshed in the background without the cookies of the client that it is served to", async () => {
    const { module, send, received } = wrapped(respondWithCookie(), STALE)
    await (await send()).text()
    setClock(TTL)
    const stale = await send(requestOfSession("1", { "x-a": "1" }))
    expect([cacheStatusOf(stale), await stale.text()]).toEqual([
      "hit; ttl=0; detail=stale",
      "nobody",
    ])
    await waitUntilIdle()
    expect([...(received[1] as Request).headers]).toEqual([["x-a", "1"]])
    expect(cacheStatusOf(await send(requestOfSession("2")))).toBe("hit; ttl=60")
    expect(await counts(module)).toMatchObject({ puts: 2, elections: 1 })
    expect(await refusals(module)).toEqual({})
  })

  test.each<[string, Record<string, string>, CacheWrapOptions]>([
    ["its key has them", {}, { ...STALE, vary: ["cookie"] }],
    ["it varies by them", { vary: "accept, Cookie" }, STALE],
    [
      "no lifetime is configured",
      { "cache-control": `max-age=${TTL}, stale-while-revalidate=${WINDOW}` },
      {},
    ],
  ])("is refreshed with the client's cookies if %s", async (_name, headers, options) => {
    const { send, received } = wrapped(respondWithCookie(headers), options)
    await (await send(requestOfSession("1"))).text()
    setClock(TTL)
    expect(await (await send(requestOfSession("1"))).text()).toBe("session=1")
    await waitUntilIdle()
    expect(received[1]?.headers.get("cookie")).toBe("session=1")
    expect(cacheStatusOf(await send(requestOfSession("1")))).toBe("hit; ttl=60")
  })

  test("becomes the variant without cookies if the refresh turns out to vary by them", async () => {
    const { send } = wrapped(
      async (request, run) => respondWithCookie(run === 1 ? {} : { vary: "Cookie" })(request, run),
      STALE,
    )
    await (await send()).text()
    setClock(TTL)
    await (await send(requestOfSession("1"))).text()
    await waitUntilIdle()
    const [plain, own] = [
      await send(),
      await send(requestOfSession("1", { "cache-control": "no-cache" })),
    ]
    expect([cacheStatusOf(plain), await plain.text(), await own.text()]).toEqual([
      "hit; ttl=60",
      "nobody",
      "session=1",
    ])
  })

  test("stays stored if the handler answers a client with cookies, after the window", async () => {
    const { module, send } = wrapped(respondWithCookie({ etag: '"a"' }), CACHED)
    await (await send()).text()
    await advanceSeconds(TTL)
    const own = await send(requestOfSession("1"))
    expect([cacheStatusOf(own), await own.text()]).toEqual([
      "fwd=stale; fwd-status=200; detail=cookie",
      "session=1",
    ])
    expect(await module.inspect()).toMatchObject({ entries: 1 })
    expect(cacheStatusOf(await send())).toBe("fwd=stale; fwd-status=200; stored; ttl=60")
  })

  test("stays stored if the handler answers a client with cookies by a private response", async () => {
    const headers = { "cache-control": "private, max-age=60" }
    const own: TestHandler = (request) =>
      new Response("x", request.headers.has("cookie") ? { headers } : {})
    const { module, send } = wrapped(own, { ...CACHED, staleIfErrorSeconds: 9 })
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(cacheStatusOf(await send(requestOfSession("1")))).toBe(
      "fwd=stale; fwd-status=200; detail=private",
    )
    expect(await module.inspect()).toMatchObject({ entries: 1 })
  })

  test("is confirmed for a client with cookies, and not freshened for others", async () => {
    const validating: TestHandler = ({ headers }) =>
      headers.has("if-none-match")
        ? new Response(null, {
            status: 304,
            headers: { etag: '"a"', "x-for": headers.get("cookie") ?? "" },
          })
        : new Response("x", { headers: { etag: '"a"' } })
    const { module, send, runs } = wrapped(validating, CACHED)
    await (await send()).text()
    await advanceSeconds(TTL)
    const own = await send(requestOfSession("1"))
    expect([cacheStatusOf(own), await own.text(), own.headers.get("x-for")]).toEqual([
      "fwd=stale; fwd-status=304; ttl=0; detail=stale",
      "x",
      null,
    ])
    await (await send(requestOfSession("2"))).text()
    expect([cacheStatusOf(await send()), runs()]).toEqual(["fwd=stale; fwd-status=304; ttl=60", 4])
    expect((await send(requestOfSession("3"))).headers.get("x-for")).toBe("")
    expect(await counts(module)).toMatchObject({ revalidations: 3, puts: 1 })
  })
})

describe('cookies: "ignore"', () => {
  const IGNORED = { ...CACHED, cookies: "ignore" } as const

  test.each<[string, CacheWrapOptions, Partial<CacheModuleOptions>]>([
    ["wrap", IGNORED, {}],
    ["the rule", {}, { rules: [{ path: PATH, ...IGNORED }] }],
    ["the instance", {}, IGNORED],
    ["the instance, by way of the rule", {}, { ...IGNORED, rules: [{ path: PATH }] }],
    ["wrap before the rule", IGNORED, { rules: [{ path: PATH, cookies: "pass" }] }],
    [
      "the rule before the instance",
      CACHED,
      { cookies: "pass", rules: [{ path: PATH, cookies: "ignore" }] },
    ],
  ])(
    "of %s removes the cookies before the handler runs, and coalesces and stores",
    async (_name, options, declared) => {
      const { module, send, received } = wrapped(respondWithCookie(), options, declared)
      const all = concurrently(100, (caller) =>
        send(requestOfSession(String(caller), { "x-a": "1" })),
      )
      expect(countEach(await texts(all))).toEqual({ nobody: 100 })
      expect(received.map(({ headers }) => [...headers])).toEqual([[["x-a", "1"]]])
      expect(cacheStatusOf(await send(requestOfSession("x")))).toBe("hit; ttl=60")
      expect(await refusals(module)).toEqual({})
      expect(collectedWarnings).toEqual([])
    },
  )

  test.each<[string, CacheWrapOptions, Partial<CacheModuleOptions>]>([
    ["wrap", { ...CACHED, cookies: "pass" }, { cookies: "ignore" }],
    ["the rule", CACHED, { cookies: "ignore", rules: [{ path: PATH, cookies: "pass" }] }],
  ])('is undone by the cookies: "pass" of %s', async (_name, options, declared) => {
    const { send } = wrapped(respondWithCookie(), options, declared)
    expect(await (await send(requestOfSession("1"))).text()).toBe("session=1")
  })

  test("lets requests with and without cookies select the same response, even if it varies by Cookie", async () => {
    const { send, runs } = wrapped(respondWithCookie({ vary: "Cookie" }), IGNORED)
    expect(
      await texts(concurrently(3, (caller) => send(requestOfSession(String(caller))))),
    ).toEqual(["nobody", "nobody", "nobody"])
    expect([cacheStatusOf(await send()), runs()]).toEqual(["hit; ttl=60", 1])
  })

  test("gives requests with cookies the same key as those without", async () => {
    const { module, send, runs } = wrapped(respondWithCookie(), { ...IGNORED, vary: ["cookie"] })
    await texts([send(requestOfSession("1")), send(requestOfSession("2"))])
    expect([cacheStatusOf(await send()), runs()]).toEqual(["hit; ttl=60", 1])
    expect(await module.inspect()).toMatchObject({ entries: 1 })
  })

  test("does not remove the cookies of requests that are not cached", async () => {
    const rules = [{ path: PATH, ...IGNORED, bypass: { cookies: ["session"] } }]
    const { send, received } = wrapped(respondWithCookie(), {}, { rules })
    await send(requestOfSession("1"))
    await send(new Request(AT, { method: "POST", headers: { cookie: "a=1" } }))
    await send(get("/other", { cookie: "a=1" }))
    await send(get(PATH, { cookie: "a=1" }))
    expect(received.map(({ headers }) => headers.get("cookie"))).toEqual([
      "session=1",
      "a=1",
      "a=1",
      null,
    ])
  })

  test("removes them from HEAD and from requests with credentials and no-store, too", async () => {
    const { send, received } = wrapped(respondWithCookie(), IGNORED)
    await send(new Request(AT, { method: "HEAD", headers: { cookie: "a=1" } }))
    await send(requestOfSession("1", { authorization: "Basic x" }))
    await send(requestOfSession("1", { "cache-control": "no-store" }))
    expect(received.map(({ headers }) => headers.has("cookie"))).toEqual([false, false, false])
  })

  test("does not change the caller's request", async () => {
    const { send } = wrapped(respondWithCookie(), IGNORED)
    const request = requestOfSession("1")
    await send(request)
    expect(request.headers.get("cookie")).toBe("session=1")
  })

  test("refuses other values, with the option's path", async () => {
    for (const value of ["Ignore", true, null, ""]) {
      const cookies = forbidden<"ignore">(value)
      const paths: [string, () => unknown][] = [
        ["cache().cookies", () => freshCache({ cookies })],
        ["cache().rules[0].cookies", () => freshCache({ rules: [{ cookies }] })],
        ["wrap() options.cookies", () => freshCache().wrap(() => new Response(), { cookies })],
      ]
      for (const [path, call] of paths) {
        const error = await errorOf(call)
        expect(error).toBeInstanceOf(TypeError)
        expect([error.code, error.message]).toEqual([
          "LAYERON_INVALID_OPTION",
          expect.stringContaining(`${path} must be "pass" or "ignore"`),
        ])
      }
    }
  })

  test("is visible in the rules of the module", () => {
    const module = freshCache({ cookies: "ignore", rules: [{}, { cookies: "pass" }] })
    expect(module.rules.map(({ cookies }) => cookies)).toEqual(["ignore", "pass"])
  })
})
