import { backend, type RouteOptions } from "@layeron/core"
import { bodyOf, get, mustMatch, NO_STATS } from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import {
  A,
  AT,
  accessHeaders,
  B,
  cacheStatusOf,
  collectWarnings,
  PATH,
  send,
  shop,
} from "../helpers/gateway"
import { deferred } from "../helpers/stale-module"
import { nextTurn } from "../helpers/streams"

afterEach(() => {
  jest.restoreAllMocks()
  jest.useRealTimers()
})

const CORS = { origins: [A, B] }

/** Header fields of a handler: those for one client, and one for all clients. */
const PERSONAL = {
  "access-control-allow-origin": A,
  "access-control-allow-credentials": "true",
  "access-control-expose-headers": "x-own",
  "timing-allow-origin": A,
  "authentication-info": 'nextnonce="1"',
  "proxy-authentication-info": 'nextnonce="2"',
  authorization: "Bearer 1",
  "x-layeron-request-id": "7",
  vary: "accept",
  "x-own": "1",
}

/** Returns the header fields of a response that the handler has set. */
function handlerFields(response: Response): Record<string, string> {
  const names = Object.keys(PERSONAL)
  return Object.fromEntries([...response.headers].filter(([name]) => names.includes(name)))
}

describe("a field of a response that is for one client", () => {
  test("is neither stored nor sent to any client", async () => {
    const { app, module } = shop({ cors: { origins: [B] } })
    app.get(PATH, () => new Response("body", { headers: PERSONAL }))
    const shared = { vary: "accept, Origin", "x-own": "1" }
    const first = await send(app, AT, { origin: A })
    expect([cacheStatusOf(first), handlerFields(first)]).toEqual([
      "fwd=uri-miss; fwd-status=200; stored",
      shared,
    ])
    expect(await first.text()).toBe("body")
    const second = await send(app, AT, { origin: B })
    expect([cacheStatusOf(second), handlerFields(second)]).toEqual([
      "hit",
      { ...shared, "access-control-allow-origin": B },
    ])
    expect(handlerFields(await mustMatch(module, get(AT)))).toEqual({
      vary: "accept",
      "x-own": "1",
    })
  })

  test("is not stored by a background refresh", async () => {
    stopDate()
    const rules = [{ path: PATH, ttlSeconds: 10, staleWhileRevalidateSeconds: 100 }]
    const { app, module } = shop({ cors: CORS }, { rules })
    let runs = 0
    app.get(PATH, () => new Response(`run ${++runs}`, { headers: PERSONAL }))
    await (await send(app)).text()
    setClock(11)
    await (await send(app, AT, { origin: A })).text()
    await nextTurn()
    const refreshed = await mustMatch(module, get(AT))
    expect([await refreshed.text(), handlerFields(refreshed)]).toEqual([
      "run 2",
      { vary: "accept", "x-own": "1" },
    ])
  })

  test("is not added to the stored response by a 304", async () => {
    stopDate()
    const { app, module } = shop({ cors: CORS }, { rules: [{ path: PATH, ttlSeconds: 10 }] })
    app.get(PATH, ({ headers }) => {
      const etag = '"1"'
      if (headers.has("if-none-match")) {
        return new Response(null, { status: 304, headers: { ...PERSONAL, etag, "x-own": "2" } })
      }
      return new Response("body", { headers: { etag, vary: "accept", "x-own": "1" } })
    })
    await (await send(app)).text()
    setClock(11)
    const validated = await send(app, AT, { origin: B })
    expect([cacheStatusOf(validated), await validated.text()]).toEqual([
      "fwd=stale; fwd-status=304",
      "body",
    ])
    expect(handlerFields(await mustMatch(module, get(AT)))).toEqual({
      vary: "accept",
      "x-own": "2",
    })
  })

  test("includes the request's id under the configured name only", async () => {
    const { app, module } = shop({ responseRequestIdHeader: "X-Trace" })
    app.get(
      PATH,
      () => new Response("", { headers: { "x-trace": "1", "x-layeron-request-id": "2" } }),
    )
    await (await send(app)).text()
    const { headers } = await mustMatch(module, get(AT))
    expect([headers.get("x-trace"), headers.get("x-layeron-request-id")]).toEqual([null, "2"])
  })

  test("is removed from the stored response and not from the handler's response object", async () => {
    const { app } = shop()
    const answered = new Response(null, { status: 204, headers: { authorization: "a" } })
    app.get(PATH, () => answered)
    expect((await send(app)).headers.has("authorization")).toBe(false)
    expect(answered.headers.get("authorization")).toBe("a")
  })

  test.each(["POST", "PUT"])(
    "is sent to the client of a %s, which is not stored",
    async (method) => {
      const { app, module } = shop(
        {},
        { rules: [{ path: PATH, methods: ["GET", "POST"], ttlSeconds: 60 }] },
      )
      const respond = () => new Response("body", { headers: PERSONAL })
      app.post(PATH, respond).put(PATH, respond)
      const response = await send(app, AT, { method })
      expect(Object.fromEntries(response.headers)).toEqual({
        ...PERSONAL,
        "cache-status": expect.any(String),
        "content-type": "text/plain;charset=UTF-8",
      })
      expect(await response.text()).toBe("body")
      expect((await module.inspect()).entries).toBe(0)
    },
  )

  test.each(["GET", "POST"])("is sent to a %s that no rule covers", async (method) => {
    const { app } = shop()
    const answered = new Response(null, { headers: PERSONAL })
    app.get("/other", () => answered).post("/other", () => answered)
    expect(await send(app, "/other", { method })).toBe(answered)
    expect(handlerFields(answered)).toEqual(PERSONAL)
  })
})

describe("a request for credentials", () => {
  test.each<[string, number, Record<string, string>]>([
    ["a 401", 401, {}],
    ["a response with WWW-Authenticate", 200, { "www-authenticate": "Basic" }],
  ])("%s is sent unchanged and not stored, whatever its lifetime", async (_name, status, extra) => {
    const { app, module } = shop({ cors: CORS })
    const orders = { "cache-control": "public, max-age=60", "cdn-cache-control": "max-age=600" }
    app.get(
      PATH,
      () => new Response("who?", { status, headers: { ...orders, ...extra, authorization: "a" } }),
    )
    for (let time = 0; time < 2; time++) {
      const response = await send(app)
      expect([cacheStatusOf(response), response.status]).toEqual([
        `fwd=uri-miss; fwd-status=${status}; detail=no-store`,
        status,
      ])
      expect(Object.fromEntries(response.headers)).toEqual({
        ...orders,
        ...extra,
        authorization: "a",
        "cache-status": expect.any(String),
        "content-type": "text/plain;charset=UTF-8",
        vary: "Origin",
      })
      expect(await response.text()).toBe("who?")
    }
    expect((await module.inspect()).entries).toBe(0)
  })

  test("without Cache-Control is sent without it", async () => {
    const { app } = shop()
    app.get(PATH, () => new Response("who?", { status: 401 }))
    expect((await send(app)).headers.has("cache-control")).toBe(false)
  })
})

describe("CORS fields of a handler, without gateway.cors,", () => {
  /** Responds to the request's `Origin` as handlers with their own CORS code do. */
  const answerOrigin = ({ headers }: Request) =>
    new Response(headers.get("origin"), {
      headers: {
        "access-control-allow-origin": headers.get("origin") ?? "none",
        "cache-control": "max-age=5",
      },
    })

  test("keep the response from being stored, and reach their client", async () => {
    collectWarnings()
    const { app, module } = shop()
    app.get(PATH, answerOrigin)
    for (const origin of [A, B]) {
      const response = await send(app, AT, { origin })
      expect(cacheStatusOf(response)).toBe("fwd=uri-miss; fwd-status=200; detail=no-store")
      expect(accessHeaders(response)).toEqual({ "access-control-allow-origin": origin })
      expect(response.headers.get("cache-control")).toBe("max-age=5")
      expect(await response.text()).toBe(origin)
    }
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 2 })
  })

  test("of concurrent requests reach their own clients", async () => {
    collectWarnings()
    const { app } = shop()
    const { promise, resolve } = deferred()
    app.get(PATH, async (request) => {
      await promise
      return answerOrigin(request)
    })
    const sent = [A, B, A].map((origin) => send(app, AT, { origin }))
    await nextTurn()
    resolve()
    const responses = await Promise.all(sent)
    expect(
      responses.map((response) => accessHeaders(response)["access-control-allow-origin"]),
    ).toEqual([A, B, A])
    expect(await Promise.all(responses.map((response) => response.text()))).toEqual([A, B, A])
  })

  test("are warned of once, with the route and the option", async () => {
    const collectedWarnings = collectWarnings()
    const { app } = shop()
    app.get(PATH, answerOrigin).get("/items/2/plain", answerOrigin)
    for (const path of [AT, "/items/2", "/items/2/plain"]) await send(app, path, { origin: A })
    expect(collectedWarnings).toEqual([
      "GET /items/:id is not cached, because it sets access-control-* itself; declare who may read it as backend().gateway.cors",
    ])
  })

  test("of a background refresh do not change the stale response", async () => {
    collectWarnings()
    stopDate()
    const rules = [{ path: PATH, ttlSeconds: 10, staleWhileRevalidateSeconds: 100 }]
    const { app, module } = shop({}, { rules })
    let runs = 0
    app.get(PATH, (request) => (++runs === 1 ? new Response("good") : answerOrigin(request)))
    await (await send(app)).text()
    setClock(11)
    const stale = await send(app, AT, { origin: A })
    expect([cacheStatusOf(stale), accessHeaders(stale)]).toEqual(["hit; detail=stale", {}])
    expect(stale.headers.get("cache-control")).toBe(
      "public, max-age=10, stale-while-revalidate=100",
    )
    expect(await stale.text()).toBe("good")
    await nextTurn()
    expect(runs).toBe(2)
    expect(await bodyOf(module, get(AT))).not.toBe(A)
  })
})

describe("a request with cookies", () => {
  const greet = ({ headers }: Request) => new Response(headers.get("cookie") ?? "nobody")
  const [one, two] = [{ cookie: "session=1" }, { cookie: "session=2" }]

  test("is answered by the handler each time, and the response is not stored", async () => {
    const collectedWarnings = collectWarnings()
    const { app, module } = shop()
    app.get(PATH, greet)
    for (const cookies of [one, two]) {
      const response = await send(app, AT, cookies)
      expect([cacheStatusOf(response), await response.text()]).toEqual([
        "fwd=uri-miss; fwd-status=200; detail=cookie",
        cookies.cookie,
      ])
    }
    expect((await module.inspect()).refusedWrites.cookie).toBe(2)
    expect(collectedWarnings).toHaveLength(1)
    await (await send(app)).text()
    const hit = await send(app, AT, one)
    expect([cacheStatusOf(hit), await hit.text()]).toEqual(["hit", "nobody"])
  })

  test("gets the shared response under a rule that ignores cookies", async () => {
    const { app } = shop({}, { rules: [{ path: PATH, ttlSeconds: 60, cookies: "ignore" }] })
    app.get(PATH, greet)
    expect(await (await send(app, AT, one)).text()).toBe("nobody")
    expect(cacheStatusOf(await send(app, AT, two))).toBe("hit")
  })

  test("keeps its cookies in a write that such a rule covers", async () => {
    const { app } = shop({}, { rules: [{ path: PATH, ttlSeconds: 60, cookies: "ignore" }] })
    app.get(PATH, greet).put(PATH, greet)
    expect(await (await send(app, AT, { method: "PUT", ...one })).text()).toBe("session=1")
  })
})

describe("routes with responses for one user", () => {
  const refused: [string, RouteOptions, string | undefined][] = [
    ["auth of its own", { auth: "user" }, undefined],
    ["auth of an unknown kind", { auth: ["public"] }, undefined],
    ["auth by default", {}, "service"],
    ["a use", { use: [() => {}] }, undefined],
    ["a use of another form", { auth: "public", use: "limit" }, undefined],
  ]

  test.each(refused)(
    "a route with %s is run for each request, without the cache",
    async (_name, options, auth) => {
      const collectedWarnings = collectWarnings()
      const { app, module } = shop({ defaultAuth: auth as never })
      let runs = 0
      app.get(
        PATH,
        options,
        () => new Response(`run ${++runs}`, { headers: { authorization: "a" } }),
      )
      for (const run of ["run 1", "run 2"]) {
        const response = await send(app)
        expect([cacheStatusOf(response), response.headers.get("authorization")]).toEqual([
          undefined,
          "a",
        ])
        expect(await response.text()).toBe(run)
      }
      expect(await module.stats()).toEqual(NO_STATS)
      expect(collectedWarnings).toEqual([
        expect.stringMatching(
          /^GET \/items\/:id is not cached, because of its (auth|use), which a stored response would get around$/,
        ),
      ])
    },
  )

  test("HEAD of such a route is not answered from a response that its handler has stored", async () => {
    collectWarnings()
    const { app, module } = shop()
    app.get(PATH, { auth: "user" }, () => new Response("no", { status: 403 }))
    await module.put(get(AT), new Response("stored", { headers: { "x-secret": "1" } }))
    const head = await send(app, AT, { method: "HEAD" })
    expect([head.status, head.headers.get("x-secret")]).toEqual([403, null])
  })

  test("the response to a write is not stored, even if a rule lists its method", async () => {
    const { app, module } = shop({}, { rules: [{ path: PATH, methods: ["POST"], ttlSeconds: 60 }] })
    app.post(PATH, { auth: "user" }, () => new Response("no", { status: 403 }))
    const request = new Request(get(AT), { method: "POST" })
    await module.put(request, new Response("stored"))
    expect((await app.fetch(request)).status).toBe(403)
  })

  test.each<[string, RouteOptions, string]>([
    ["public by its own word", { auth: "public" }, "user"],
    ["without middleware in its list", { use: [] }, "public"],
  ])("a route %s is cached", async (_name, options, auth) => {
    const collectedWarnings = collectWarnings()
    const { app } = shop({ defaultAuth: auth as never })
    app.get(PATH, options, () => "a")
    await (await send(app)).text()
    expect(cacheStatusOf(await send(app))).toBe("hit")
    expect(collectedWarnings).toEqual([])
  })

  test("a route that no rule covers causes no warning", async () => {
    const collectedWarnings = collectWarnings()
    const { app } = shop()
    app.get("/other", { auth: "user" }, () => "a")
    await send(app, "/other")
    expect(collectedWarnings).toEqual([])
  })
})

test("without gateway.cache, a used cache and the other options do not change responses", async () => {
  const gateway = { cors: CORS, defaultAuth: "user", responseRequestIdHeader: "x-own" } as const
  const { module } = shop()
  const wrap = jest.spyOn(module, "wrap")
  const covers = jest.spyOn(module, "covers")
  const answered = new Response("body", { headers: PERSONAL })
  const [plain, configured] = [backend(), backend({ gateway }).use(module)].map((app) =>
    app.get(PATH, () => answered).routeOptions("/own", () => "own"),
  ) as [ReturnType<typeof backend>, ReturnType<typeof backend>]
  expect(await send(configured, AT, { origin: A })).toBe(answered)
  const asked: [string, Record<string, string>][] = [
    [AT, { method: "HEAD" }],
    [AT, { method: "PUT" }],
    [AT, { method: "OPTIONS", "access-control-request-method": "GET" }],
    ["/own", { method: "OPTIONS" }],
    ["/none", {}],
  ]
  for (const [path, headers] of asked) {
    const [expected, response] = await Promise.all(
      [plain, configured].map((app) => send(app, path, { origin: A, ...headers })),
    )
    expect([response?.status, [...response!.headers], await response?.text()]).toEqual([
      expected?.status,
      [...expected!.headers],
      await expected?.text(),
    ])
  }
  expect(wrap).not.toHaveBeenCalled()
  expect(covers).not.toHaveBeenCalled()
})
