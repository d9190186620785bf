import { type BackendApp, type BackendOptions, backend } from "@layeron/core"

const ORIGIN = "http://localhost:8787"

function send(app: BackendApp, method: string, path: string): Promise<Response> {
  return app.fetch(new Request(ORIGIN + path, { method }))
}

async function errorCode(response: Response): Promise<string> {
  const { error } = (await response.json()) as { error: { code: string; message: string } }
  expect(typeof error.message).toBe("string")
  return error.code
}

afterEach(() => jest.restoreAllMocks())

describe("routes", () => {
  const app = backend()
    .get("/thing", () => "get")
    .post("/thing", () => "post")
    .put("/thing", () => "put")
    .patch("/thing", () => "patch")
    .delete("/thing", () => "delete")

  test.each(["get", "post", "put", "patch", "delete"])(
    "a %s route answers its method",
    async (method) => {
      const response = await send(app, method.toUpperCase(), "/thing")
      expect(response.status).toBe(200)
      expect(await response.json()).toBe(method)
    },
  )

  test("the handler gets the same request object that was sent", async () => {
    let seen: Request | undefined
    const spy = backend().post("/:id", (request) => {
      seen = request
    })
    const request = new Request(`${ORIGIN}/7?a=1`, { method: "POST", body: "x" })
    await spy.fetch(request)
    expect(seen).toBe(request)
  })

  test("patterns with parameters, expressions, wildcards and optional segments match as in Hono", async () => {
    const patterns = backend()
      .get("/posts/:id{[0-9]+}", () => "number")
      .get("/posts/:slug", () => "slug")
      .get("/files/*", () => "file")
      .get("/api/:version?", () => "version")
    const bodies = ["/posts/12", "/posts/abc", "/files/a/b", "/api", "/api/v2"].map(async (path) =>
      (await send(patterns, "GET", path)).json(),
    )
    expect(await Promise.all(bodies)).toEqual(["number", "slug", "file", "version", "version"])
  })

  test("of several patterns that match, the one declared first answers", async () => {
    const twice = backend()
      .get("/a/:id", () => 1)
      .get("/a/b", () => 2)
    expect(await (await send(twice, "GET", "/a/b")).json()).toBe(1)
  })

  test("an encoded path matches the pattern that spells it out", async () => {
    const encoded = backend().get("/caf\u00e9", () => "open")
    expect((await send(encoded, "GET", "/caf%C3%A9")).status).toBe(200)
  })

  test("route options are readable and do not change the response", async () => {
    const options = { cache: "public-api" }
    const configured = backend().get("/a", options, () => "a")
    expect(configured.routes).toEqual([{ method: "GET", path: "/a", options }])
    expect(await (await send(configured, "GET", "/a")).json()).toBe("a")
  })

  test("fetch works without its app", async () => {
    const { fetch } = backend().get("/a", () => "a")
    expect((await fetch(new Request(`${ORIGIN}/a`))).status).toBe(200)
  })

  test("a route declared after the first request is refused and leaves the others alone", async () => {
    const startedApp = backend().get("/a", () => "a")
    await send(startedApp, "GET", "/a")
    expect(() => startedApp.get("/b", () => "b")).toThrow("already built")
    expect(startedApp.routes).toHaveLength(1)
    expect((await send(startedApp, "GET", "/a")).status).toBe(200)
  })
})

describe("results", () => {
  const values: [string, unknown][] = [
    ["an object", { a: [1, null] }],
    ["an array", [1, "two"]],
    ["a string", "text"],
    ["zero", 0],
    ["false", false],
    ["null", null],
  ]

  test.each(values)("%s is sent as JSON", async (_name, value) => {
    const response = await send(
      backend().get("/", async () => value as object),
      "GET",
      "/",
    )
    expect(response.status).toBe(200)
    expect(response.headers.get("content-type")).toBe("application/json")
    expect(await response.json()).toEqual(value)
  })

  test("undefined is sent as an empty 204", async () => {
    const response = await send(
      backend().get("/", () => undefined),
      "GET",
      "/",
    )
    expect([response.status, await response.text()]).toEqual([204, ""])
  })

  test("a response is sent as it is", async () => {
    const response = new Response("made", { status: 201, headers: { "x-a": "1" } })
    expect(
      await send(
        backend().post("/", () => response),
        "POST",
        "/",
      ),
    ).toBe(response)
  })

  test("a thrown response is sent, and no error is written", async () => {
    const written = jest.spyOn(console, "error").mockImplementation()
    const thrown = new Response("gone", { status: 410 })
    const app = backend().get("/", () => {
      throw thrown
    })
    expect(await send(app, "GET", "/")).toBe(thrown)
    expect(written).not.toHaveBeenCalled()
  })
})

describe("undeclared paths and methods", () => {
  const app = backend()
    .get("/items/:id", () => "item")
    .post("/items/*", () => "posted")
    .delete("/other", () => "deleted")

  test("a path that no pattern matches is a 404", async () => {
    const response = await send(app, "GET", "/nothing")
    expect(response.status).toBe(404)
    expect(response.headers.get("allow")).toBeNull()
    expect(await errorCode(response)).toBe("not_found")
  })

  test.each(["GET", "OPTIONS"])("%s of an undeclared path is a 404", async (method) => {
    expect((await send(app, method, "/nothing")).status).toBe(404)
  })

  test("a method that the path has not is a 405 that lists what all its patterns have", async () => {
    const response = await send(app, "PUT", "/items/1")
    expect(response.status).toBe(405)
    expect(response.headers.get("allow")).toBe("GET, HEAD, POST, OPTIONS")
    expect(await errorCode(response)).toBe("method_not_allowed")
  })

  test("Allow has no HEAD where there is no GET", async () => {
    expect((await send(app, "GET", "/other")).headers.get("allow")).toBe("DELETE, OPTIONS")
    expect((await send(app, "HEAD", "/other")).status).toBe(405)
  })

  test.each(["PURGE", "constructor", "__proto__", "ALL"])(
    "the method %s is a 405",
    async (method) => {
      // Hono uses another router for patterns that overlap in this way.
      const overlapping = backend()
        .get("/a/:id", () => 1)
        .get("/:x?", () => 2)
      expect((await send(overlapping, method, "/a/1")).status).toBe(405)
      expect((await send(app, method, "/items/1")).status).toBe(405)
    },
  )
})

describe("HEAD and OPTIONS", () => {
  test("HEAD of a GET route has the headers and status of GET and no body", async () => {
    const app = backend().get(
      "/",
      () => new Response("body", { status: 203, headers: { etag: '"1"' } }),
    )
    const response = await send(app, "HEAD", "/")
    expect([response.status, response.headers.get("etag"), response.body]).toEqual([
      203,
      '"1"',
      null,
    ])
  })

  test("HEAD of a GET route cancels the body that it does not send", async () => {
    let cancelled = false
    const body = new ReadableStream({
      cancel: () => {
        cancelled = true
      },
    })
    await send(
      backend().get("/", () => new Response(body)),
      "HEAD",
      "/",
    )
    expect(cancelled).toBe(true)
  })

  test("HEAD of a missing path is a 404 without a body", async () => {
    const response = await send(backend(), "HEAD", "/")
    expect([response.status, response.body]).toEqual([404, null])
  })

  test("a HEAD route answers HEAD in place of the GET route, wherever it is declared", async () => {
    const app = backend()
      .get("/a", () => new Response("get"))
      .head("/a", () => new Response(null, { headers: { "x-head": "1" } }))
    expect((await send(app, "HEAD", "/a")).headers.get("x-head")).toBe("1")
    expect(await (await send(app, "GET", "/a")).text()).toBe("get")
  })

  test("a path with only a HEAD route does not answer GET", async () => {
    const app = backend().head("/a", () => undefined)
    const response = await send(app, "GET", "/a")
    expect([response.status, response.headers.get("allow")]).toEqual([405, "HEAD, OPTIONS"])
  })

  test("OPTIONS of a declared path is a 204 with Allow", async () => {
    const app = backend()
      .get("/a", () => 1)
      .patch("/a", () => 2)
    const response = await send(app, "OPTIONS", "/a")
    expect([response.status, response.headers.get("allow"), response.body]).toEqual([
      204,
      "GET, HEAD, PATCH, OPTIONS",
      null,
    ])
  })

  test("an OPTIONS route answers in place of the automatic one", async () => {
    const app = backend()
      .get("/a", () => 1)
      .routeOptions("/a", () => ({ docs: true }))
    expect(await (await send(app, "OPTIONS", "/a")).json()).toEqual({ docs: true })
  })
})

describe("errors of handlers", () => {
  const circular: { self?: unknown } = {}
  circular.self = circular
  const used = () => {
    const response = new Response("once")
    void response.text()
    return response
  }
  const failing: [string, () => unknown][] = [
    [
      "throws",
      () => {
        throw new Error("the secret")
      },
    ],
    ["rejects", () => Promise.reject(new Error("the secret"))],
    [
      "throws a string",
      () => {
        throw "the secret"
      },
    ],
    ["returns a circular object", () => circular],
    ["returns a BigInt", () => ({ big: 1n })],
    ["returns a function", () => () => "the secret"],
    ["returns a response whose body is used", used],
    ["returns a network error", () => Response.error()],
  ]

  test.each(failing)("a handler that %s is a 500 without details", async (_name, handler) => {
    const written = jest.spyOn(console, "error").mockImplementation()
    const response = await send(backend().get("/a", handler as () => object), "GET", "/a?token=1")
    expect(response.status).toBe(500)
    const text = await response.text()
    expect(JSON.parse(text).error.code).toBe("internal_error")
    expect(text).not.toMatch(/secret|at .*:\d+|circular|BigInt|clone/i)
    expect(written).toHaveBeenCalledTimes(1)
    expect(written.mock.calls[0]?.[0]).toBe("GET /a failed:")
  })

  test("the error is written to standard error with its stack", async () => {
    const written = jest.spyOn(console, "error").mockImplementation()
    const error = new Error("the secret")
    const app = backend().get("/a", () => {
      throw error
    })
    await send(app, "GET", "/a")
    expect(written.mock.calls[0]?.[1]).toBe(error)
  })

  test("the error of a response whose body was used suggests clone()", async () => {
    const written = jest.spyOn(console, "error").mockImplementation()
    await send(backend().get("/a", used), "GET", "/a")
    expect(String(written.mock.calls[0]?.[1])).toContain("response.clone()")
  })
})

describe("endpoint", () => {
  const app = backend({ endpoint: "https://api.example.com/v1/" })
    .get("/", () => "root")
    .get("/health", () => "ok")
  const status = async (url: string) => (await app.fetch(new Request(url))).status

  test("its path prefixes every route", async () => {
    expect(await status("https://api.example.com/v1/health")).toBe(200)
    expect(await status("https://api.example.com/v1")).toBe(200)
    expect(await status("https://api.example.com/health")).toBe(404)
    expect(await status("https://api.example.com/v1/v1/health")).toBe(404)
  })

  test("a request for another host or port is a 404", async () => {
    expect(await status("https://other.example.com/v1/health")).toBe(404)
    expect(await status("https://api.example.com:8443/v1/health")).toBe(404)
    expect(await status("http://localhost:8787/v1/health")).toBe(404)
  })

  test("the scheme of the request does not matter, because TLS may end at a proxy", async () => {
    expect(await status("http://api.example.com/v1/health")).toBe(200)
  })

  test("an encoded base path matches requests that encode it", async () => {
    const spaced = backend({ endpoint: "http://localhost/my%20api" }).get("/a", () => 1)
    expect((await spaced.fetch(new Request("http://localhost/my%20api/a"))).status).toBe(200)
  })

  test("without an endpoint, every host is served", async () => {
    const open = backend().get("/a", () => 1)
    expect((await open.fetch(new Request("http://any.example/a"))).status).toBe(200)
  })
})

describe("modules", () => {
  const module = (name: string) => ({
    kind: "cache",
    name,
    namespace: "shop",
    identity: `shop/${name}`,
  })

  test("use keeps modules in order, and one object once", () => {
    const [a, b, secondA] = [module("a"), module("b"), module("a")]
    const app = backend().use(a).use(b).use(a).use(secondA)
    expect(app.modules).toHaveLength(3)
    expect(app.modules[0]).toBe(a)
    expect(app.modules[1]).toBe(b)
    expect(app.modules[2]).toBe(secondA)
  })

  test.each([
    undefined,
    null,
    "cache",
    {},
    { ...module("a"), kind: 1 },
    { kind: "cache", name: "a", namespace: "n" },
  ])("use refuses %j", (value) => {
    const app = backend()
    expect(() => app.use(value as never)).toThrow(
      expect.objectContaining({ name: "TypeError", code: "LAYERON_INVALID_OPTION" }),
    )
    expect(app.modules).toEqual([])
  })

  test("the lists of modules and routes cannot be changed from outside", () => {
    const app = backend().get("/a", () => 1)
    expect(Object.isFrozen(app.modules)).toBe(true)
    expect(Object.isFrozen(app.routes)).toBe(true)
    expect(() => {
      ;(app as { modules: unknown }).modules = []
    }).toThrow(TypeError)
  })
})

describe("options", () => {
  test("the declaration can be read", () => {
    const gateway = { region: "eu" }
    const options = { project: "store-api", name: "web", endpoint: "https://a.example", gateway }
    expect(backend(options)).toMatchObject(options)
    expect(backend().project).toBeUndefined()
  })

  test.each<[string, unknown]>([
    ["project", 1],
    ["project", ""],
    ["name", null],
    ["gateway", "x"],
    ["gateway", []],
    ["endpoint", "/v1"],
    ["endpoint", "api.example.com"],
    ["endpoint", "ftp://api.example.com"],
    ["endpoint", "https:api.example.com"],
    ["endpoint", "https://"],
    ["endpoint", "https://u:p@a.example"],
    ["endpoint", "https://a.example/?q=1"],
    ["endpoint", "https://a.example/#top"],
    ["endpoint", "https://a.example/:version"],
    ["endpoint", "https://a.example/*"],
    ["endpoint", 8787],
  ])("%s %j is refused by name", (option, value) => {
    expect(() => backend({ [option]: value } as BackendOptions)).toThrow(
      expect.objectContaining({
        name: "TypeError",
        code: "LAYERON_INVALID_OPTION",
        message: expect.stringMatching(new RegExp(`^backend\\(\\)\\.${option} must be an? `)),
      }),
    )
  })

  test("options that are not an object are refused", () => {
    expect(() => backend("store-api" as never)).toThrow("backend() options must be an object")
  })

  test("an unknown option warns once, by name", () => {
    const warned = jest.spyOn(process, "emitWarning").mockImplementation()
    backend({ projekt: "a" } as BackendOptions)
    backend({ projekt: "b", project: "c" } as BackendOptions)
    expect(warned).toHaveBeenCalledTimes(1)
    expect(warned.mock.calls[0]?.[0]).toContain('"projekt"')
  })

  test.each<[string, unknown[]]>([
    ["app.get() path must be", ["a", () => 1]],
    ["app.get() path must be", [undefined, () => 1]],
    ["app.get() handler must be", ["/a"]],
    ["app.get() handler must be", ["/a", { status: 200 }]],
    ["app.get() handler must be", ["/a", {}, "x"]],
    ["app.get() options must be", ["/a", "x", () => 1]],
    ['app.get() path "/:id{[}" must be', ["/:id{[}", () => 1]],
  ])("%s ... refuses a wrong argument", (message, args) => {
    const app = backend()
    expect(() => (app.get as (...args: unknown[]) => unknown)(...args)).toThrow(
      expect.objectContaining({
        name: "TypeError",
        code: "LAYERON_INVALID_OPTION",
        message: expect.stringContaining(message),
      }),
    )
    expect(app.routes).toEqual([])
  })
})
