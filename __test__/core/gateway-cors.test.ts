import { backend } from "@layeron/core"
import { get } from "../helpers/cache"
import {
  A,
  AT,
  accessHeaders,
  B,
  C,
  cacheStatusOf,
  collectConsoleErrors,
  PATH,
  preflight,
  send,
  shop,
} from "../helpers/gateway"
import { deferred } from "../helpers/stale-module"
import { nextTurn } from "../helpers/streams"

afterEach(() => jest.restoreAllMocks())

const CORS = { origins: [A, B] }
const VARY = { vary: "Origin" }
const allowOrigin = (origin: string) => ({ "access-control-allow-origin": origin, ...VARY })

describe("answers", () => {
  test("pages of two origins share an entry, and each answer names the origin of its request", async () => {
    const { app, module } = shop({ cors: CORS })
    let runs = 0
    app.get(PATH, () => new Response(`run ${++runs}`))
    const first = await send(app, AT, { origin: A })
    expect([cacheStatusOf(first), accessHeaders(first), await first.text()]).toEqual([
      "fwd=uri-miss; fwd-status=200; stored",
      allowOrigin(A),
      "run 1",
    ])
    for (const [origin, expected] of [
      [B, allowOrigin(B)],
      [A, allowOrigin(A)],
      [C, VARY],
    ] as const) {
      const hit = await send(app, AT, { origin })
      expect([cacheStatusOf(hit), accessHeaders(hit), await hit.text()]).toEqual([
        "hit",
        expected,
        "run 1",
      ])
    }
    const without = await send(app)
    expect([cacheStatusOf(without), accessHeaders(without)]).toEqual(["hit", VARY])
    expect((await module.inspect()).entries).toBe(1)
    const stored = await module.match(get(AT, { origin: A }))
    expect(accessHeaders(stored!)).toEqual({})
  })

  test("an entry stored for a request without Origin answers requests with one", async () => {
    const { app } = shop({ cors: CORS })
    app.get(PATH, () => "a")
    await (await send(app)).text()
    const hit = await send(app, AT, { origin: B })
    expect([cacheStatusOf(hit), accessHeaders(hit)]).toEqual(["hit", allowOrigin(B)])
  })

  test("of two requests that share a run each answer names its own origin", async () => {
    const { app, module } = shop({ cors: CORS })
    const { promise, resolve } = deferred()
    let runs = 0
    app.get(PATH, async ({ headers }) => {
      runs++
      await promise
      return new Response("shared", {
        headers: { "access-control-allow-origin": headers.get("origin") ?? "" },
      })
    })
    const sent = [send(app, AT, { origin: A }), send(app, AT, { origin: B })]
    await nextTurn()
    resolve()
    const responses = await Promise.all(sent)
    expect(responses.map(accessHeaders)).toEqual([allowOrigin(A), allowOrigin(B)])
    expect(await Promise.all(responses.map((response) => response.text()))).toEqual([
      "shared",
      "shared",
    ])
    expect([runs, (await module.inspect()).collapsed]).toEqual([1, 1])
  })

  test.each<[number, string, Record<string, string>]>([
    [304, AT, { "if-none-match": '"1"' }],
    [206, AT, { range: "bytes=0-1" }],
    [200, AT, { method: "HEAD" }],
    [200, AT, { method: "POST" }],
    [200, "/plain", {}],
    [404, "/none", {}],
    [405, AT, { method: "PUT" }],
    [500, "/failing", {}],
    [200, "/items/2", { method: "OPTIONS" }],
  ])("a %i for %s %j names the origin", async (status, path, headers) => {
    collectConsoleErrors()
    const { app } = shop({ cors: CORS })
    app
      .get(PATH, () => new Response("body", { headers: { etag: '"1"' } }))
      .post(PATH, () => "done")
      .get("/plain", () => "a")
      .get("/failing", () => {
        throw new Error("no")
      })
      .routeOptions("/items/2", () => "options")
    await (await send(app)).text()
    const response = await send(app, path, { origin: B, ...headers })
    expect([response.status, accessHeaders(response)]).toEqual([status, allowOrigin(B)])
    expect(accessHeaders(await send(app, path, { origin: C, ...headers }))).toEqual(VARY)
    expect(accessHeaders(await send(app, path, headers))).toEqual(VARY)
  })

  test("the response to a request for another host names the origin as well", async () => {
    const app = backend({ endpoint: "https://other.example", gateway: { cache: true, cors: CORS } })
    const response = await send(app, AT, { origin: A })
    expect([response.status, accessHeaders(response)]).toEqual([404, allowOrigin(A)])
  })

  test("credentials and readable fields are sent to the allowed origins only", async () => {
    const cors = { ...CORS, credentials: true, responseHeaders: ["Age", "x-own"] }
    const { app } = shop({ cors })
    app.get(PATH, () => "a")
    for (let time = 0; time < 2; time++) {
      const response = await send(app, AT, { origin: A })
      await response.text()
      expect(accessHeaders(response)).toEqual({
        ...allowOrigin(A),
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "Age, x-own",
      })
    }
    expect(accessHeaders(await send(app, AT, { origin: C }))).toEqual(VARY)
  })

  test('"*" is sent unchanged to every origin', async () => {
    const { app } = shop({ cors: { origins: [A, "*"] } })
    app.get(PATH, () => "a")
    for (const origin of [A, C])
      expect(accessHeaders(await send(app, AT, { origin }))).toEqual(allowOrigin("*"))
  })

  test.each([
    ["accept", "accept, Origin"],
    ["accept, origin", "accept, origin"],
    ["*", "*"],
  ])("a Vary of %s becomes %s", async (vary, expected) => {
    const { app } = shop({ cors: CORS })
    app.get("/plain", () => new Response("", { headers: { vary } }))
    expect((await send(app, "/plain")).headers.get("vary")).toBe(expected)
  })

  test("fields of the gateway replace those of a handler, and the handler's response object is not changed", async () => {
    const { app } = shop({ cors: CORS })
    const shared = new Response(null, {
      status: 204,
      headers: { "access-control-allow-origin": C, "access-control-max-age": "1" },
    })
    app.get("/plain", () => shared)
    expect(accessHeaders(await send(app, "/plain", { origin: C }))).toEqual(VARY)
    expect(accessHeaders(await send(app, "/plain", { origin: A }))).toEqual(allowOrigin(A))
    expect(accessHeaders(shared)).toEqual({
      "access-control-allow-origin": C,
      "access-control-max-age": "1",
    })
  })

  test("the gateway adds fields to the response of a run during which the cache was closed", async () => {
    const { app, module } = shop({ cors: CORS })
    const { promise, resolve } = deferred()
    app.get(PATH, async () => {
      await promise
      return Response.redirect("https://api.example.com/", 302)
    })
    const sent = send(app, AT, { origin: A })
    await nextTurn()
    await module.close()
    resolve()
    const response = await sent
    expect([response.status, accessHeaders(response)]).toEqual([302, allowOrigin(A)])
  })

  test("an immutable response is sent with the fields", async () => {
    const { app } = shop({ cors: CORS })
    app.get("/plain", () => Response.redirect("https://api.example.com/", 302))
    const response = await send(app, "/plain", { origin: A })
    expect([response.status, accessHeaders(response)]).toEqual([302, allowOrigin(A)])
  })
})

describe("preflights", () => {
  const cors = {
    ...CORS,
    methods: ["GET", "PUT"],
    requestHeaders: ["Content-Type", "x-own"],
    maxAgeSeconds: 600,
  } as const
  const app = shop({ cors })
    .app.get(PATH, () => "get")
    .put(PATH, () => "put")

  test("one whose origin, method and headers are allowed gets a 204 that allows them, without the cache", async () => {
    const asked = { "access-control-request-headers": "content-type,X-Own" }
    const response = await preflight(app, AT, asked)
    expect([response.status, await response.text()]).toEqual([204, ""])
    expect(Object.fromEntries(response.headers)).toEqual({
      ...allowOrigin(A),
      "access-control-allow-headers": "content-type, x-own",
      "access-control-allow-methods": "GET, PUT",
      "access-control-max-age": "600",
    })
  })

  test("credentials are allowed if they are configured", async () => {
    const open = shop({ cors: { ...cors, credentials: true } }).app.get(PATH, () => "get")
    const { headers } = await preflight(open, AT)
    expect(headers.get("access-control-allow-credentials")).toBe("true")
  })

  test.each<[string, Record<string, string>, string]>([
    ["an origin", { origin: C }, "origin"],
    ["a method", { "access-control-request-method": "PATCH" }, "method"],
    [
      "a method in lower case, which is another",
      { "access-control-request-method": "put" },
      "method",
    ],
    ["a header", { "access-control-request-headers": "x-own, x-other" }, "headers"],
  ])(
    "one with %s that is not allowed gets a 403 without CORS fields",
    async (_name, headers, part) => {
      const response = await preflight(app, AT, headers)
      expect([response.status, accessHeaders(response)]).toEqual([403, VARY])
      expect(await response.json()).toEqual({
        error: {
          code: "preflight_refused",
          message: `The ${part} of this preflight is not allowed.`,
        },
      })
    },
  )

  test("without methods and headers in the options, only those are allowed that need no preflight", async () => {
    const plain = shop({ cors: CORS }).app.get(PATH, () => "get")
    const response = await preflight(plain, AT, { "access-control-request-method": "POST" })
    expect(Object.fromEntries(response.headers)).toEqual({
      ...allowOrigin(A),
      "access-control-allow-methods": "GET, HEAD, POST",
    })
    expect((await preflight(plain, AT)).status).toBe(403)
  })

  test("one for an undeclared path gets a 404", async () => {
    const response = await preflight(app, "/none")
    expect([response.status, accessHeaders(response)]).toEqual([404, allowOrigin(A)])
  })

  test("an OPTIONS request that is not a preflight reaches its route", async () => {
    const response = await send(app, AT, { method: "OPTIONS", origin: A })
    expect([response.status, response.headers.get("allow")]).toEqual([
      204,
      "GET, HEAD, PUT, OPTIONS",
    ])
    expect(accessHeaders(response)).toEqual(allowOrigin(A))
    const sameOrigin = await send(app, AT, {
      method: "OPTIONS",
      "access-control-request-method": "PUT",
    })
    expect([sameOrigin.status, sameOrigin.headers.get("allow")]).toEqual([
      204,
      "GET, HEAD, PUT, OPTIONS",
    ])
  })

  test("an OPTIONS route answers preflights instead, and its own fields stay", async () => {
    const own = { "access-control-allow-origin": C, "access-control-allow-methods": "PUT" }
    const declared = shop({ cors }).app.put(PATH, () => "put")
    declared.routeOptions(PATH, () => new Response("own", { headers: own }))
    const response = await preflight(declared, AT)
    expect([response.status, accessHeaders(response), await response.text()]).toEqual([
      200,
      own,
      "own",
    ])
  })

  test("without gateway.cors preflights reach their route", async () => {
    const response = await preflight(
      shop().app.put(PATH, () => "put"),
      AT,
    )
    expect([response.status, accessHeaders(response), response.headers.get("allow")]).toEqual([
      204,
      {},
      "PUT, OPTIONS",
    ])
  })
})
