import type { CacheExplanation, CacheModule } from "@layeron/modules"
import {
  bodyOf,
  errorOf,
  forbidden,
  freshCache,
  get,
  NO_STATS,
  sameIdentity,
  state,
  url,
} from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import { POLICY, refreshCounts } from "../helpers/stale-module"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const RULES = [
  {
    name: "items",
    path: "/api/items/:id",
    ttlSeconds: 20,
    tags: ["item"],
    vary: ["accept-language"],
  },
  { path: "/search", methods: ["GET", "POST"] },
  {
    name: "pages",
    path: "/pages/*",
    bypass: { headers: ["x-preview"], cookies: ["session"], query: ["draft"] },
  },
]

function shop(): CacheModule {
  return freshCache({ ...POLICY, namespace: "explained", tags: ["shop"], rules: RULES })
}

describe("the explanation of a request that would be", () => {
  const ITEM = get("/api/items/7?b=2&a=1#top", { "accept-language": "de, en" })
  const ITEM_URL = url("/api/items/7?a=1&b=2")
  const SUBJECT = `GET ${ITEM_URL}`

  const parts = (module: CacheModule) => ({
    key: module.key(ITEM),
    url: ITEM_URL,
    method: "GET",
    namespace: "explained",
    vary: { "accept-language": "de, en" },
    rule: { name: "items", because: "the path matches /api/items/:id and it lists GET" },
    bypass: null,
  })

  async function withItem(): Promise<CacheModule> {
    const module = shop()
    await module.put(ITEM, new Response("item"), { tags: ["item:7"] })
    return module
  }

  async function entry(module: CacheModule) {
    const { bytes } = await module.inspect()
    return { lifetimeSeconds: 20, tags: ["item", "item:7", "shop"], bytes }
  }

  test("a hit has all its parts", async () => {
    const module = await withItem()
    setClock(5.5)
    expect(await module.explain(ITEM)).toEqual({
      outcome: "hit",
      sentence: `${SUBJECT} is a hit in ${module.identity} under rule items: it is 5.5 s old and fresh for 14.5 s more.`,
      ...parts(module),
      entry: {
        ...(await entry(module)),
        stale: false,
        ageSeconds: 5.5,
        staleWindowLeftSeconds: 300,
      },
    })
  })

  test("stale has all its parts", async () => {
    const module = await withItem()
    setClock(50.25)
    expect(await module.explain(ITEM)).toEqual({
      outcome: "stale",
      sentence: `${SUBJECT} is stale in ${module.identity} under rule items: it is 50.25 s old, was fresh for 20 s and is served for 269.75 s more while one caller refreshes it.`,
      ...parts(module),
      entry: {
        ...(await entry(module)),
        stale: true,
        ageSeconds: 50.25,
        staleWindowLeftSeconds: 269.75,
      },
    })
  })

  test("a miss has all parts but an entry", async () => {
    const module = await withItem()
    setClock(320)
    expect(await module.explain(ITEM)).toEqual({
      outcome: "miss",
      sentence: `${SUBJECT} is a miss in ${module.identity} under rule items: no entry has its key and answers its headers.`,
      ...parts(module),
      entry: null,
    })
  })

  test.each<[string, Request, CacheExplanation["bypass"]]>([
    ["header", get("/pages/1", { "X-Preview": "" }), { by: "header", name: "x-preview" }],
    ["cookie", get("/pages/1", { cookie: "a=1; session=2" }), { by: "cookie", name: "session" }],
    ["query", get("/pages/1?draft=yes"), { by: "query", name: "draft" }],
  ])("a bypass by %s names what causes it", async (_, request, bypass) => {
    const module = shop()
    expect(await module.explain(request)).toEqual({
      outcome: "bypass",
      sentence: `GET ${request.url} skips ${module.identity} under rule pages because it carries the ${bypass?.by} ${bypass?.name}.`,
      key: module.key(request),
      url: request.url,
      method: "GET",
      namespace: "explained",
      vary: {},
      rule: { name: "pages", because: "the path matches /pages/* and it lists GET" },
      bypass,
      entry: null,
    })
  })

  test.each<[string, Request | URL | string]>([
    ["a Request", get("/other")],
    ["a URL", new URL(url("/other#top"))],
    ["a string", "HTTPS://API.example.com:443/x/../other"],
  ])("without a rule says so, for %s", async (_, request) => {
    const module = shop()
    expect(await module.explain(request)).toEqual({
      outcome: "miss",
      sentence: `GET ${url("/other")} is a miss in ${module.identity}: no entry has its key and answers its headers.`,
      key: module.key(url("/other")),
      url: url("/other"),
      method: "GET",
      namespace: "explained",
      vary: {},
      rule: null,
      bypass: null,
      entry: null,
    })
  })
})

describe("the rule", () => {
  test.each([
    [
      "of another method",
      new Request(url("/search"), { method: "POST" }),
      "rule-2",
      "the path matches /search and it lists POST",
    ],
    [
      "of HEAD",
      new Request(url("/api/items/7"), { method: "HEAD" }),
      "items",
      "the path matches /api/items/:id and it lists HEAD",
    ],
  ])("is given with its reason for a request %s", async (_, request, name, because) => {
    expect(await shop().explain(request)).toMatchObject({
      method: request.method,
      rule: { name, because },
    })
  })

  test("without a path covers every path", async () => {
    const module = freshCache({ rules: [{ methods: ["HEAD"] }, { name: "rest" }] })
    expect((await module.explain(get("/any"))).rule).toEqual({
      name: "rest",
      because: "it covers every path and it lists GET",
    })
  })

  test("is the declaration's own, even for entries that another declaration put", async () => {
    const module = freshCache({ ttlSeconds: 60 })
    await module.put(url("/a"), new Response("a"))
    expect(
      await sameIdentity(module, { rules: [{ name: "mine" }] }).explain(url("/a")),
    ).toMatchObject({
      outcome: "hit",
      rule: { name: "mine" },
      entry: { lifetimeSeconds: 60 },
    })
  })
})

describe("the headers in the key", () => {
  test("have the request's values, and null for absent ones", async () => {
    const module = freshCache({ vary: ["X-Tenant", "accept", "x-empty"] })
    const { vary } = await module.explain(get("/a", { accept: " text/html ", "x-empty": "" }))
    expect(vary).toEqual({ accept: "text/html", "x-empty": "", "x-tenant": null })
  })

  test("are those of the call if it names some", async () => {
    const module = freshCache({ vary: ["accept"] })
    const request = get("/a", { accept: "text/html", "x-a": "1" })
    await module.put(request, new Response("a"), { vary: ["x-a"] })
    const explanation = await module.explain(request, { vary: ["X-A"] })
    expect(explanation).toMatchObject({
      outcome: "hit",
      vary: { "x-a": "1" },
      key: module.key(request, { vary: ["x-a"] }),
    })
    expect(await module.explain(request)).toMatchObject({
      outcome: "miss",
      vary: { accept: "text/html" },
    })
    expect((await module.explain(request, { vary: [] })).vary).toEqual({})
  })

  test("do not include the response's own Vary: a request for another variant is a miss", async () => {
    const module = freshCache()
    await module.put(get("/a", { "x-a": "1" }), new Response("a", { headers: { vary: "x-a" } }))
    expect((await module.explain(get("/a", { "x-a": "1" }))).outcome).toBe("hit")
    expect((await module.explain(get("/a", { "x-a": "2" }))).outcome).toBe("miss")
  })
})

describe("the times", () => {
  test("count from the age with which the response arrived", async () => {
    const module = freshCache()
    const headers = { age: "5", "cache-control": "max-age=30, stale-while-revalidate=10" }
    await module.put(url("/a"), new Response("a", { headers }))
    setClock(1)
    expect((await module.explain(url("/a"))).entry).toMatchObject({
      ageSeconds: 6,
      lifetimeSeconds: 30,
      staleWindowLeftSeconds: 10,
    })
  })

  test("of a softly purged entry are stale at once, with the whole stale window left", async () => {
    const module = freshCache(POLICY)
    await module.put(url("/a"), new Response("a"))
    setClock(10)
    await module.purge({ everything: true, soft: true })
    const stale = { stale: true, ageSeconds: 10, staleWindowLeftSeconds: 300 }
    expect(await module.explain(url("/a"))).toMatchObject({ outcome: "stale", entry: stale })
  })

  test.each([0.001, 0.1, 14.3, 55.3, 59.999])(
    "of an entry %d s old are whole milliseconds in the sentence",
    async (age) => {
      const module = freshCache(POLICY)
      await module.put(url("/a"), new Response("a"))
      setClock(age)
      const { sentence } = await module.explain(url("/a"))
      const left = Math.round(60_000 - age * 1000) / 1000
      expect(sentence).toBe(
        `GET ${url("/a")} is a hit in ${module.identity}: it is ${age} s old and fresh for ${left} s more.`,
      )
    },
  )
})

describe("explaining", () => {
  const REQUESTS = [get("/api/items/7"), get("/other"), get("/pages/1?draft"), get("/gone")]

  test("changes and counts nothing", async () => {
    const module = shop()
    for (const request of REQUESTS.slice(0, 2)) await module.put(request, new Response("a"))
    setClock(30)
    const before = await state(module)
    for (const request of [...REQUESTS, ...REQUESTS]) await module.explain(request)
    expect(await state(module)).toEqual(before)
    expect(before.stats).toEqual({ ...NO_STATS, puts: 2 })
  })

  test("neither acquires nor releases a refresh lease", async () => {
    const module = freshCache(POLICY)
    await module.put(url("/a"), new Response("a"))
    setClock(61)
    expect((await module.explain(url("/a"))).outcome).toBe("stale")
    expect(await module.match(url("/a"))).toBeUndefined()
    expect((await module.explain(url("/a"))).outcome).toBe("stale")
    expect(await bodyOf(module, url("/a"))).toBe("a")
    expect(await refreshCounts(module)).toMatchObject({ elections: 1, misses: 1, hits: 1 })
  })

  test.each([
    ["a Request", get("/a")],
    ["a string", url("/a")],
  ])("begins no build: a put after a purge is stored, with %s", async (_, request) => {
    const module = freshCache()
    await module.explain(request)
    await module.purge({ everything: true })
    await module.put(request, new Response("warm"))
    expect(await bodyOf(module, request)).toBe("warm")
  })

  test.each<[string, unknown, unknown, string, string]>([
    ["a relative URL", "/a", undefined, "LAYERON_INVALID_REQUEST", "explain() request "],
    ["a missing request", undefined, undefined, "LAYERON_INVALID_REQUEST", "explain() request "],
    [
      "options that are a string",
      url("/a"),
      "vary",
      "LAYERON_INVALID_OPTION",
      "explain() options ",
    ],
    [
      "a vary that is a string",
      url("/a"),
      { vary: "a" },
      "LAYERON_INVALID_OPTION",
      "explain() options.vary ",
    ],
    [
      "a vary that has no name",
      url("/a"),
      { vary: [""] },
      "LAYERON_INVALID_OPTION",
      "explain() options.vary[0] ",
    ],
  ])("is refused for %s", async (_, request, options, code, path) => {
    const error = await errorOf(() => shop().explain(forbidden(request), forbidden(options)))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ code, message: expect.stringContaining(path) })
  })

  test("is refused once the instance is closed", async () => {
    const module = shop()
    await module.close()
    expect(await errorOf(() => module.explain(url("/a")))).toMatchObject({
      code: "LAYERON_CLOSED",
    })
  })
})
