/**
 * Only own properties of an options object count: properties of `Object.prototype` must not change
 * a call.
 */
import { backend } from "@layeron/core"
import { type CacheModule, cache, configure } from "@layeron/modules"
import { bodyOf, forbidden, freshCache, get, url } from "../helpers/cache"
import { stopDate } from "../helpers/clock"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

/**
 * Runs `call` while every object inherits `name`. The caller awaits a returned promise after that.
 */
function withInherited<T>(name: string, value: unknown, call: () => T): T {
  Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true })
  try {
    return call()
  } finally {
    delete (Object.prototype as Record<string, unknown>)[name]
  }
}

/** Each option of a declaration, at any depth, with a value whose effect is visible. */
const DECLARED: readonly (readonly [string, unknown])[] = [
  ["namespace", "other"],
  ["ttlSeconds", 5],
  ["staleWhileRevalidateSeconds", 7],
  ["vary", ["x-a"]],
  ["tags", ["inherited"]],
  ["rules", [{ ttlSeconds: 9 }]],
  ["observability", { sink: 1 }],
  ["storage", "nowhere"],
  ["path", 1],
  ["methods", ["POST"]],
  ["bypass", { query: ["q"] }],
  ["headers", ["x-a"]],
  ["cookies", ["a"]],
  ["query", ["q"]],
  ["sampling", { success: 0 }],
  ["redaction", { fields: ["key"] }],
  ["success", 0],
  ["error", 0],
  ["fields", ["key"]],
  ["sink", "nowhere"],
  ["memory", { maxBytes: 1_000 }],
  ["maxBytes", 1_000],
  ["maxEntryBytes", 10],
  ["maxDiskBytes", 1],
  ["folder", "/nowhere"],
  ["reason", "inherited"],
  ["key", "inherited"],
  ["purged", 9],
]

/** Returns the visible effects of a module's options. */
async function fingerprint(
  declare: (sink: (line: string) => void) => CacheModule,
): Promise<unknown> {
  const lines: Record<string, unknown>[] = []
  const module = declare((line) => lines.push(JSON.parse(line)))
  const request = get("/p?q=1", { "x-a": "1", cookie: "a=1" })
  await module.put(request, new Response("a"))
  const { entry, rule, bypass, vary } = await module.explain(request)
  await module.match(request)
  await module.purge({ tags: ["t"] })
  const { maxBytes, disk } = await module.inspect()
  const described = lines.map(({ time: _, key, ...rest }) => ({
    ...rest,
    key: key === module.key(request),
  }))
  const { namespace, rules } = module
  await module.close()
  return { namespace, rules, entry, rule, bypass, vary, maxBytes, disk, names: described }
}

describe.each(DECLARED)("an inherited %s changes no declaration", (name, value) => {
  const declarations: readonly (readonly [
    string,
    (sink: (line: string) => void) => CacheModule,
  ])[] = [
    ["of nothing but a name", () => cache({ name: "own" })],
    [
      "with empty objects",
      (sink) =>
        cache({
          name: "own",
          rules: [{ bypass: {} }],
          storage: { memory: {} },
          observability: { sampling: {}, redaction: {}, sink },
        }),
    ],
  ]

  test.each(declarations)("%s", async (_, declare) => {
    const expected = await fingerprint(declare)
    expect(await fingerprint((sink) => withInherited(name, value, () => declare(sink)))).toEqual(
      expected,
    )
  })
})

test("an inherited storage or path configures nothing", async () => {
  for (const [name, value] of [
    ["storage", "nowhere"],
    ["path", 1],
    ["memory", { maxBytes: 1_000 }],
  ] as const) {
    withInherited(name, value, () => configure({}))
    withInherited(name, value, () => configure({ storage: {} }))
  }
  const module = freshCache()
  expect((await module.inspect()).maxBytes).toBe((await freshCache().inspect()).maxBytes)
})

describe("calls", () => {
  let module: CacheModule
  beforeEach(async () => {
    module = freshCache({ ttlSeconds: 60, tags: ["t"] })
    await module.put(get("/a"), new Response("a"))
  })

  test.each<[string, unknown, (module: CacheModule) => Promise<unknown>]>([
    ["everything", true, (module) => module.purge({ tags: [] })],
    ["soft", true, (module) => module.purge({ tags: ["none"] })],
    ["tags", ["t"], (module) => module.purge({ prefix: url("/b") })],
    ["prefix", url("/"), (module) => module.purge({ tags: [] })],
    ["request", url("/a"), (module) => module.purge({ tags: [] })],
  ])("a purge ignores an inherited %s", async (name, value, purge) => {
    expect(await withInherited(name, value, () => purge(module))).toEqual({ purged: 0 })
    expect(await bodyOf(module, get("/a"))).toBe("a")
  })

  test.each(["everything", "tags", "prefix", "request"])(
    "a purge without own selectors is refused even if %s is inherited",
    async (name) => {
      const purge = withInherited(name, true, () => module.purge({}))
      await expect(purge).rejects.toMatchObject({ code: "LAYERON_INVALID_OPTION" })
    },
  )

  test("an inherited vary changes no key, match, delete or explanation", async () => {
    const request = get("/a", { "x-a": "1" })
    const call = <T>(use: () => T) => withInherited("vary", ["x-a"], use)
    expect(call(() => module.key(request, {}))).toBe(module.key(request))
    expect(await (await call(() => module.match(request, {})))?.text()).toBe("a")
    expect((await call(() => module.explain(request, {}))).outcome).toBe("hit")
    expect(await call(() => module.delete(request, {}))).toBe(true)
  })

  test.each<[string, unknown]>([
    ["ttlSeconds", 5],
    ["staleWhileRevalidateSeconds", 7],
    ["vary", ["x-a"]],
    ["tags", ["inherited"]],
  ])("an inherited %s changes no put", async (name, value) => {
    const put = async (use: <T>(call: () => T) => T) => {
      const response = new Response("b")
      await use(() => module.put(get("/b", { "x-a": "1" }), response, {}))
      return (await module.explain(get("/b"))).entry
    }
    expect(await put((call) => withInherited(name, value, call))).toEqual(
      await put((call) => call()),
    )
  })

  test.each<[string, unknown]>([
    ["ttlSeconds", 5],
    ["staleWhileRevalidateSeconds", 7],
    ["staleIfErrorSeconds", 9],
    ["vary", ["x-a"]],
    ["tags", ["inherited"]],
    ["waitUntil", 1],
    ["refreshTimeoutMs", 0],
  ])("an inherited %s changes no wrapped handler", async (name, value) => {
    const wrapped = async (use: <T>(call: () => T) => T) => {
      const handle = use(() => module.wrap(() => new Response("w"), {}))
      await (await handle(get("/w", { "x-a": "1" }))).text()
      return (await module.explain(get("/w"))).entry
    }
    const expected = await wrapped((call) => call())
    await module.delete(get("/w"))
    expect(await wrapped((call) => withInherited(name, value, call))).toEqual(expected)
  })

  test("an inherited headers does not change the key by which the build tracker finds a URL", async () => {
    const request = new URL(url("/u"))
    await withInherited("headers", { get: () => null }, () => module.match(request))
    await module.purge({ prefix: url("/u") })
    await module.put(new URL(request), new Response("older than the purge"))
    expect(await module.match(request)).toBeUndefined()
  })
})

describe("the backend", () => {
  test.each<[string, unknown]>([
    ["project", "p"],
    ["name", "n"],
    ["endpoint", "https://other.example/v1"],
    ["gateway", { cache: true }],
    ["cache", 1],
    ["cors", 1],
    ["defaultAuth", 1],
    ["responseRequestIdHeader", 1],
    ["origins", 1],
    ["methods", 1],
    ["requestHeaders", 1],
    ["responseHeaders", 1],
    ["credentials", 1],
    ["maxAgeSeconds", 1],
  ])("is declared without an inherited %s", (name, value) => {
    for (const declare of [
      () => backend(),
      () => backend({}),
      () => backend({ gateway: { cache: true, cors: { origins: [] } } }),
      () => backend({ gateway: {} }),
    ]) {
      if (name === "origins") continue
      const { project, endpoint, gateway, name: own } = withInherited(name, value, declare)
      const expected = declare()
      expect([project, own, endpoint, gateway]).toEqual([
        expected.project,
        expected.name,
        expected.endpoint,
        expected.gateway,
      ])
    }
  })

  test("refuses CORS settings whose origins are inherited", () => {
    const declare = () => backend({ gateway: { cache: true, cors: forbidden({}) } })
    expect(() => withInherited("origins", ["*"], declare)).toThrow(TypeError)
  })

  test.each([
    ["auth", "user"],
    ["use", ["something"]],
  ])("caches a route that inherits %s", async (name, value) => {
    let runs = 0
    const app = backend({ gateway: { cache: true } }).use(
      freshCache({ ttlSeconds: 60, rules: [{ path: "/*" }] }),
    )
    app.get("/a", {}, () => ({ runs: ++runs }))
    for (let request = 0; request < 2; request++)
      await withInherited(name, value, () => app.fetch(get("/a")))
    expect(runs).toBe(1)
  })
})

describe("options of every kind of object:", () => {
  class Options {
    name = `own-${Math.random()}`
    ttlSeconds = 5
  }
  const kinds: readonly (readonly [string, () => object])[] = [
    ["an instance of a class", () => new Options()],
    ["one without prototype", () => Object.assign(Object.create(null), new Options())],
    [
      "one with getters",
      () => ({
        name: `own-${Math.random()}`,
        get ttlSeconds() {
          return 5
        },
      }),
    ],
    [
      "one whose properties are not enumerable",
      () =>
        Object.defineProperties(
          {},
          { name: { value: `own-${Math.random()}` }, ttlSeconds: { value: 5 } },
        ),
    ],
    ["a frozen one", () => Object.freeze(new Options())],
  ]

  test.each(kinds)("%s is read", async (_, make) => {
    const module = cache(forbidden(make()))
    await module.put(get("/a"), new Response("a"))
    expect((await module.explain(get("/a"))).entry?.lifetimeSeconds).toBe(5)
  })

  test("a getter is called once", () => {
    let reads = 0
    cache({
      name: "getter",
      get ttlSeconds() {
        reads += 1
        return 5
      },
    })
    expect(reads).toBe(1)
  })

  test("an object that inherits all its options has none", () => {
    const inherits = Object.create({ name: "inherited", ttlSeconds: 5 })
    expect(() => cache(inherits)).toThrow(
      expect.objectContaining({ code: "LAYERON_INVALID_OPTION" }),
    )
  })
})
