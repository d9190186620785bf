import { backend } from "@layeron/core"
import { bodyOf, freshCache, get, mustMatch, NO_STATS, url } from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import {
  AT,
  cacheStatusOf,
  collectConsoleErrors,
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

/** Creates a handler that responds with the number of its run. */
function countingHandler(): () => Response {
  let runs = 0
  return () => new Response(`run ${++runs}`)
}

describe("covered routes", () => {
  test("a route without match and put is stored, and answers the next request without its handler", async () => {
    const { app, module } = shop()
    app.get(PATH, countingHandler())
    const first = await send(app)
    expect([cacheStatusOf(first), await first.text()]).toEqual([
      "fwd=uri-miss; fwd-status=200; stored",
      "run 1",
    ])
    const second = await send(app)
    expect([cacheStatusOf(second), await second.text()]).toEqual(["hit", "run 1"])
    expect(await module.stats()).toEqual({ ...NO_STATS, hits: 1, misses: 1, puts: 1 })
  })

  test("a JSON value is stored as the response that it is sent as", async () => {
    const { app } = shop()
    app.get(PATH, () => ({ id: 1 }))
    for (const expected of ["fwd=uri-miss; fwd-status=200; stored", "hit"]) {
      const response = await send(app)
      expect(cacheStatusOf(response)).toBe(expected)
      expect([response.headers.get("content-type"), await response.json()]).toEqual([
        "application/json",
        { id: 1 },
      ])
    }
  })

  test("a thrown response is stored like a returned one", async () => {
    const { app } = shop()
    app.get(PATH, () => {
      throw new Response("gone", { status: 410 })
    })
    await (await send(app)).text()
    const second = await send(app)
    expect([cacheStatusOf(second), second.status, await second.text()]).toEqual([
      "hit",
      410,
      "gone",
    ])
  })

  test("HEAD of a GET route is answered from the stored GET, without a body", async () => {
    const { app } = shop()
    app.get(PATH, () => new Response("body", { headers: { "x-own": "1" } }))
    await (await send(app)).text()
    const head = await send(app, AT, { method: "HEAD" })
    expect([cacheStatusOf(head), head.headers.get("x-own"), head.body]).toEqual(["hit", "1", null])
  })

  test("HEAD of a GET route that is not stored runs its handler and stores nothing", async () => {
    const { app, module } = shop()
    const methods: string[] = []
    app.get(PATH, ({ method }) => {
      methods.push(method)
      return new Response("body")
    })
    const head = await send(app, AT, { method: "HEAD" })
    expect([cacheStatusOf(head), head.status, head.body]).toEqual([
      "fwd=uri-miss; fwd-status=200",
      200,
      null,
    ])
    expect([methods, (await module.inspect()).entries]).toEqual([["HEAD"], 0])
  })

  test("a HEAD route keeps its place before a stored GET", async () => {
    const { app } = shop()
    app
      .get(PATH, countingHandler())
      .head(PATH, () => new Response(null, { headers: { "x-head": "1" } }))
    await (await send(app)).text()
    const head = await send(app, AT, { method: "HEAD" })
    expect([head.headers.get("x-head"), cacheStatusOf(head)]).toEqual(["1", undefined])
  })

  test("concurrent requests share one run", async () => {
    const { app, module } = shop()
    const { promise, resolve } = deferred()
    let runs = 0
    app.get(PATH, async () => {
      runs++
      await promise
      return new Response("shared")
    })
    const sent = [send(app), send(app), send(app)]
    await nextTurn()
    resolve()
    const bodies = await Promise.all(sent.map(async (response) => (await response).text()))
    expect([bodies, runs]).toEqual([["shared", "shared", "shared"], 1])
    expect((await module.inspect()).collapsed).toBe(2)
  })

  test("a handler that matches and puts itself counts once, and its own tags and lifetime apply", async () => {
    const { app, module } = shop()
    app.get(PATH, async (request) => {
      const cached = await module.match(request)
      if (cached) return cached
      const response = new Response("own")
      await module.put(request, response.clone(), { tags: ["own"], ttlSeconds: 120 })
      return response
    })
    for (const expected of ["fwd=uri-miss; fwd-status=200; stored", "hit"]) {
      const response = await send(app)
      expect([cacheStatusOf(response), await response.text()]).toEqual([expected, "own"])
    }
    expect(await module.stats()).toEqual({ ...NO_STATS, hits: 1, misses: 1, puts: 1 })
    expect((await module.explain(get(AT))).entry).toMatchObject({
      tags: ["own"],
      lifetimeSeconds: 120,
    })
  })
})

describe("the rule's policy", () => {
  test("its lifetime and stale window apply, and one background run refreshes", async () => {
    stopDate()
    const rules = [{ path: PATH, ttlSeconds: 10, staleWhileRevalidateSeconds: 20 }]
    const { app, module } = shop({}, { ttlSeconds: 1000, rules })
    app.get(PATH, countingHandler())
    const first = await send(app)
    expect(first.headers.get("cache-control")).toBe("public, max-age=10, stale-while-revalidate=20")
    await first.text()
    setClock(9.999)
    expect(await (await send(app)).text()).toBe("run 1")
    setClock(10)
    const stale = await send(app)
    expect([cacheStatusOf(stale), await stale.text()]).toEqual(["hit; detail=stale", "run 1"])
    await nextTurn()
    expect(await (await send(app)).text()).toBe("run 2")
    expect((await module.inspect()).elections).toBe(1)
  })

  test("its vary separates responses", async () => {
    const { app } = shop({}, { rules: [{ path: PATH, ttlSeconds: 60, vary: ["accept-language"] }] })
    app.get(PATH, ({ headers }) => new Response(headers.get("accept-language")))
    for (const language of ["de", "en", "de"]) {
      const response = await send(app, AT, { "accept-language": language })
      expect(await response.text()).toBe(language)
    }
    expect(cacheStatusOf(await send(app, AT, { "accept-language": "en" }))).toBe("hit")
  })

  test("a purge of its tag empties it", async () => {
    const { app, module } = shop({}, { rules: [{ path: PATH, ttlSeconds: 60, tags: ["items"] }] })
    app.get(PATH, countingHandler())
    await (await send(app)).text()
    expect(await module.purge({ tags: ["items"] })).toEqual({ purged: 1 })
    expect(await (await send(app)).text()).toBe("run 2")
  })

  test("its bypass runs the handler, without match or put", async () => {
    const rules = [{ path: PATH, ttlSeconds: 60, bypass: { query: ["preview"] } }]
    const { app, module } = shop({}, { rules })
    app.get(PATH, countingHandler())
    for (const run of [1, 2]) {
      const response = await send(app, `${AT}?preview=1`)
      expect([cacheStatusOf(response), await response.text()]).toEqual([
        "fwd=bypass; fwd-status=200",
        `run ${run}`,
      ])
    }
    expect(await module.stats()).toEqual(NO_STATS)
  })

  test("the response for a path that no rule covers is unchanged, without Cache-Status", async () => {
    const { app, module } = shop()
    const response = new Response("own")
    app.get("/other", () => response)
    expect(await send(app, "/other")).toBe(response)
    expect(cacheStatusOf(response)).toBeUndefined()
    expect(await module.stats()).toEqual(NO_STATS)
  })

  test("a cache without rules covers nothing", async () => {
    const { app } = shop({}, { ttlSeconds: 60, rules: undefined })
    app.get(PATH, countingHandler())
    for (const run of ["run 1", "run 2"]) expect(await (await send(app)).text()).toBe(run)
  })
})

describe("writes", () => {
  test.each(["post", "put", "patch", "delete"] as const)(
    "a %s removes the stored responses for its URL",
    async (method) => {
      const { app, module } = shop()
      app.get(PATH, countingHandler())
      app[method](PATH, () => new Response("done", { headers: { "x-layeron-request-id": "7" } }))
      await (await send(app)).text()
      const written = await send(app, AT, { method: method.toUpperCase() })
      expect([cacheStatusOf(written), await written.text()]).toEqual([
        "fwd=method; fwd-status=200",
        "done",
      ])
      expect(await (await send(app)).text()).toBe("run 2")
      expect((await module.inspect()).invalidations).toBe(1)
    },
  )

  test("a write that fails removes nothing", async () => {
    const { app } = shop()
    app.get(PATH, countingHandler()).post(PATH, () => new Response("no", { status: 409 }))
    await (await send(app)).text()
    await send(app, AT, { method: "POST" })
    expect(cacheStatusOf(await send(app))).toBe("hit")
  })

  test("a write that throws is a 500, written once, and removes nothing", async () => {
    const written = collectConsoleErrors()
    const error = new Error("no")
    const { app } = shop()
    app.get(PATH, countingHandler()).post(PATH, () => {
      throw error
    })
    await (await send(app)).text()
    expect((await send(app, AT, { method: "POST" })).status).toBe(500)
    expect(written).toEqual([[`POST ${AT} failed:`, error]])
    expect(cacheStatusOf(await send(app))).toBe("hit")
  })

  test("the handler of a write gets the very request that was sent, with its body", async () => {
    const { app } = shop()
    let seen: Request | undefined
    app.post(PATH, (request) => {
      seen = request
      return request.json()
    })
    const request = new Request(get(AT), { method: "POST", body: '{"price":1}' })
    expect(await (await app.fetch(request)).json()).toEqual({ price: 1 })
    expect(seen).toBe(request)
  })

  test("a write by a route with auth, which is not cached itself, removes the shared responses", async () => {
    const { app } = shop()
    const answered = new Response("done")
    app.get(PATH, countingHandler()).post(PATH, { auth: "user" }, () => answered)
    await (await send(app)).text()
    expect(await send(app, AT, { method: "POST" })).toBe(answered)
    expect(await (await send(app)).text()).toBe("run 2")
  })

  test("a write for a user that fails removes nothing", async () => {
    const { app } = shop()
    app
      .get(PATH, countingHandler())
      .post(PATH, { auth: "user" }, () => new Response("no", { status: 403 }))
    await (await send(app)).text()
    await send(app, AT, { method: "POST" })
    expect(cacheStatusOf(await send(app))).toBe("hit")
  })

  test("a POST that a rule lists is stored, unless it is for a user", async () => {
    const rules = [{ path: PATH, methods: ["POST"], ttlSeconds: 60 }]
    const { app } = shop({}, { rules })
    app
      .post("/items/all", countingHandler())
      .post("/items/mine", { auth: "user" }, countingHandler())
    const bodies: string[] = []
    for (const path of ["/items/all", "/items/all", "/items/mine", "/items/mine"]) {
      bodies.push(await (await send(app, path, { method: "POST" })).text())
    }
    expect(bodies).toEqual(["run 1", "run 1", "run 1", "run 2"])
  })
})

describe("several caches", () => {
  const two = () => {
    const first = freshCache({ rules: [{ path: "/a/*", ttlSeconds: 60 }] })
    const second = freshCache({ rules: [{ path: "/*", ttlSeconds: 60 }] })
    const app = backend({ gateway: { cache: true } })
      .use(first)
      .use(second)
    const entries = async () => [(await first.inspect()).entries, (await second.inspect()).entries]
    return { app, first, second, entries }
  }

  test("a read goes only through the first cache that covers it", async () => {
    const { app, entries } = two()
    app.get("/a/1", countingHandler()).get("/b/1", countingHandler())
    await (await send(app, "/a/1")).text()
    expect(await entries()).toEqual([1, 0])
    await (await send(app, "/b/1")).text()
    expect(await entries()).toEqual([1, 1])
  })

  test("a write goes through each cache that covers it, and all remove the response", async () => {
    const { app, first, second, entries } = two()
    app.post("/a/1", () => "done").delete("/a/1", { auth: "admin" }, () => "done")
    for (const method of ["POST", "DELETE"]) {
      for (const module of [first, second]) await module.put(get("/a/1"), new Response("old"))
      expect(await entries()).toEqual([1, 1])
      const written = await send(app, "/a/1", { method })
      expect([written.status, await written.json(), await entries()]).toEqual([200, "done", [0, 0]])
    }
  })
})

describe("failures of handlers", () => {
  test("an error is a 500, and is written once per run of the handler", async () => {
    const written = collectConsoleErrors()
    const { app } = shop()
    const { promise, resolve } = deferred()
    const error = new Error("the secret")
    app.get(PATH, async () => {
      await promise
      throw error
    })
    const sent = [send(app), send(app), send(app)]
    await nextTurn()
    resolve()
    for (const response of await Promise.all(sent)) {
      expect([response.status, (await response.text()).includes("secret")]).toEqual([500, false])
    }
    const line = [`GET ${AT} failed:`, error]
    expect(written).toEqual([line, line])
  })

  test("a thrown value that is not an object is reported once, unchanged", async () => {
    const written = collectConsoleErrors()
    const { app } = shop()
    app.get(PATH, () => {
      throw "the secret"
    })
    expect((await send(app)).status).toBe(500)
    expect(written).toEqual([[`GET ${AT} failed:`, "the secret"]])
  })

  test.each(["GET", "POST"])(
    "a client that aborts its %s is not written as a failure",
    async (method) => {
      const written = collectConsoleErrors()
      const { app } = shop()
      const handlers: AbortSignal[] = []
      const client = new AbortController()
      const untilAborted = (request: Request) => {
        handlers.push(request.signal)
        return new Promise<Response>((_, reject) =>
          request.signal.addEventListener("abort", () => reject(request.signal.reason)),
        )
      }
      app.get(PATH, untilAborted)
      app.post(PATH, untilAborted)
      const sent = app.fetch(new Request(url(AT), { method, signal: client.signal }))
      await nextTurn()
      client.abort("the client has left")
      expect((await sent).status).toBe(500)
      await nextTurn()
      expect(handlers.map(({ aborted }) => aborted)).toEqual([true])
      expect(written).toEqual([])
    },
  )

  test("the same error of two runs is written twice", async () => {
    const written = collectConsoleErrors()
    const { app } = shop()
    const error = new Error("always")
    app.get(PATH, () => {
      throw error
    })
    await send(app, "/items/1")
    await send(app, "/items/2")
    expect(written.map(([what]) => what)).toEqual(["GET /items/1 failed:", "GET /items/2 failed:"])
  })

  test("a stale response is served in place of an error, which is still written", async () => {
    stopDate()
    const written = collectConsoleErrors()
    const { app } = shop({}, { rules: [{ path: PATH }] })
    let fails = false
    app.get(PATH, () => {
      if (fails) throw new Error("down")
      return new Response("good", { headers: { "cache-control": "max-age=10, stale-if-error=60" } })
    })
    await (await send(app)).text()
    fails = true
    setClock(11)
    const stale = await send(app)
    expect([stale.status, await stale.text()]).toEqual([200, "good"])
    expect(written).toEqual([[`GET ${AT} failed:`, expect.objectContaining({ message: "down" })]])
  })

  test.each(["/other", "/items/mine"])(
    "an error of the route %s, which is not cached, is a 500 and written once",
    async (path) => {
      collectWarnings()
      const written = collectConsoleErrors()
      const { app } = shop()
      const error = new Error("no")
      app.get(path, { auth: "user" }, () => {
        throw error
      })
      expect((await send(app, path)).status).toBe(500)
      expect(written).toEqual([[`GET ${path} failed:`, error]])
    },
  )

  test("a result that cannot be sent is a 500 and not stored", async () => {
    collectConsoleErrors()
    const { app, module } = shop()
    app.get(PATH, () => Response.error())
    expect((await send(app)).status).toBe(500)
    expect((await module.inspect()).entries).toBe(0)
  })
})

describe("modules", () => {
  const identity = { name: "a", namespace: "n", identity: "n/a" }

  test("a module's wrap is called once, by use(), however many routes and requests there are", async () => {
    const wrap = jest.fn((handler) => handler)
    const module = { kind: "cache", ...identity, wrap, covers: () => true }
    const app = backend({ gateway: { cache: true } })
    app.use(module).use(module)
    expect(wrap).toHaveBeenCalledTimes(1)
    app.get("/a", () => "a").get("/b", () => "b")
    for (const path of ["/a", "/b", "/a"]) expect((await send(app, path)).status).toBe(200)
    expect(wrap).toHaveBeenCalledTimes(1)
  })

  test.each<[string, object]>([
    ["another kind", { kind: "queue", wrap: () => fail, covers: () => true }],
    ["no wrap", { kind: "cache", covers: () => true }],
    ["no covers", { kind: "cache", wrap: () => fail }],
  ])("a module of %s is not wrapped", async (_name, part) => {
    const app = backend({ gateway: { cache: true } }).use({ ...identity, ...part } as never)
    expect(
      await (
        await send(
          app.get("/a", () => "a"),
          "/a",
        )
      ).json(),
    ).toBe("a")
  })

  test("with a closed cache the handler still answers", async () => {
    const { app, module } = shop()
    app.get(PATH, countingHandler()).post(PATH, () => "done")
    await (await send(app)).text()
    await module.close()
    expect(await (await send(app)).text()).toBe("run 2")
    expect(await (await send(app, AT, { method: "POST" })).json()).toBe("done")
  })

  test("a cache that is used after routes and requests covers later requests", async () => {
    const app = backend({ gateway: { cache: true } }).get(PATH, countingHandler())
    expect(cacheStatusOf(await send(app))).toBeUndefined()
    const module = freshCache({ rules: [{ path: PATH, ttlSeconds: 60 }] })
    app.use(module)
    await (await send(app)).text()
    expect(await bodyOf(module, get(AT))).toBe("run 2")
  })

  test("under an endpoint, rules match the whole path", async () => {
    const module = freshCache({ rules: [{ path: "/v1/items", ttlSeconds: 60 }] })
    const app = backend({ endpoint: "https://api.example.com/v1", gateway: { cache: true } }).use(
      module,
    )
    app.get("/items", countingHandler())
    await (await send(app, "/v1/items")).text()
    expect(await (await mustMatch(module, get("/v1/items"))).text()).toBe("run 1")
    expect((await app.fetch(new Request("https://other.example/v1/items"))).status).toBe(404)
  })
})
