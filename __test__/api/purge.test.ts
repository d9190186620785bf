import type { CacheModule, CachePurgeSelector } from "@layeron/modules"
import { bodyOf, errorOf, freshCache, get, NO_STATS, url } from "../helpers/cache"
import { setClock, stopClock } from "../helpers/clock"

const PATHS = ["/api/products", "/api/products/1", "/api/products/2", "/api/posts/1"]

/**
 * Creates a module with one entry per path, tagged with its path and its second-to-last segment.
 */
async function moduleWithEntries(): Promise<CacheModule> {
  const module = freshCache({ tags: ["all"] })
  for (const path of PATHS) {
    await module.put(url(path), new Response(path), { tags: [path, path.split("/").at(-2)!] })
  }
  return module
}

async function remaining(
  module: CacheModule,
  urls: readonly string[] = PATHS.map(url),
): Promise<string[]> {
  const bodies = await Promise.all(urls.map((at) => bodyOf(module, at)))
  return bodies.filter((body) => body !== undefined)
}

describe("delete", () => {
  test("removes the one entry and resolves to whether there was one", async () => {
    const module = await moduleWithEntries()
    expect(await module.delete(url("/api/products/1"))).toBe(true)
    expect(await module.delete(url("/api/products/1"))).toBe(false)
    expect(await remaining(module)).toEqual([PATHS[0], PATHS[2], PATHS[3]])
  })

  test("is counted as a delete, even if it found no entry, and never as a purge", async () => {
    const module = await moduleWithEntries()
    await module.delete(url("/api/products/1"))
    await module.delete(url("/nothing"))
    expect(await module.stats()).toEqual({ ...NO_STATS, puts: 4, deletes: 2 })
  })

  test("takes any spelling of the URL that has the same key", async () => {
    const module = freshCache()
    await module.put("https://api.example.com/a?x=1&y=2", new Response("a"))
    expect(await module.delete(new URL("HTTPS://API.example.com:443/b/../a?y=2&x=1#top"))).toBe(
      true,
    )
  })

  test.each([
    ["method", new Request(url("/a"), { method: "HEAD", headers: { "x-a": "1" } }), {}],
    ["header value", get("/a", { "x-a": "2" }), {}],
    ["header, by being a string", url("/a"), {}],
    ["vary", get("/a", { "x-a": "1" }), { vary: [] }],
    ["query", get("/a?b", { "x-a": "1" }), {}],
  ])("finds nothing under another %s than the put's", async (_, request, options) => {
    const module = freshCache({ vary: ["x-a"] })
    await module.put(get("/a", { "x-a": "1" }), new Response("a"))
    expect(await module.delete(request, options)).toBe(false)
    expect(await module.delete(get("/a", { "x-a": "1" }))).toBe(true)
  })

  test("needs the same vary option as the put", async () => {
    const module = freshCache()
    const request = get("/a", { "x-a": "1" })
    await module.put(request, new Response("a"), { vary: ["x-a"] })
    expect(await module.delete(request)).toBe(false)
    expect(await module.delete(request, { vary: ["X-A"] })).toBe(true)
  })
})

describe("purge removes exactly the selected entries:", () => {
  const [products, first, second, post] = PATHS as [string, string, string, string]

  test.each<[string, CachePurgeSelector, string[]]>([
    ["a tag", { tags: ["products"] }, [products, post]],
    ["a tag of every entry", { tags: ["all"] }, []],
    ["a tag that no entry has", { tags: ["product"] }, PATHS],
    ["several tags, an entry of both once", { tags: ["products", first, first] }, [products, post]],
    ["no tags", { tags: [] }, PATHS],
    ["a request", { request: url(products) }, [first, second, post]],
    ["a request by URL", { request: new URL(url(`${first}#top`)) }, [products, second, post]],
    ["a request for nothing", { request: url("/nothing") }, PATHS],
    [
      "a request by another method",
      { request: new Request(url(first), { method: "HEAD" }) },
      PATHS,
    ],
    ["a prefix", { prefix: url("/api/products") }, [post]],
    ["a prefix that ends in a slash", { prefix: url("/api/products/") }, [products, post]],
    ["a prefix that ends inside a segment", { prefix: url("/api/p") }, []],
    [
      "a prefix that is a whole key",
      { prefix: `${url(first)}#default;GET` },
      [products, second, post],
    ],
    ["a prefix of another host", { prefix: "https://other.example/" }, PATHS],
    ["a path prefix", { prefix: "/api/products/" }, [products, post]],
    ["a path prefix that is in the middle of paths", { prefix: "/products" }, PATHS],
    ["everything", { everything: true }, []],
    ["everything beside what it includes", { everything: true, tags: ["products"] }, []],
    ["not everything, but a tag", { everything: false, tags: [post] }, [products, first, second]],
    [
      "tags and a prefix that overlap",
      { tags: ["products"], prefix: url("/api/products") },
      [post],
    ],
    [
      "tags, a prefix and a request",
      { tags: [first], prefix: "/api/posts", request: url(first) },
      [products, second],
    ],
    [
      "an empty list of tags beside a request",
      { tags: [], request: url(post) },
      [products, first, second],
    ],
  ])("%s", async (_, selector, expected) => {
    const module = await moduleWithEntries()
    const purged = PATHS.length - expected.length
    expect(await module.purge(selector)).toEqual({ purged })
    expect(await remaining(module)).toEqual(expected)
    expect((await module.inspect()).entries).toBe(expected.length)
    expect((await module.stats()).purges).toBe(purged)
    expect((await module.stats()).deletes).toBe(0)
    expect(await module.purge(selector)).toEqual({ purged: 0 })
    expect((await module.stats()).purges).toBe(purged)
  })
})

describe("a path prefix", () => {
  const HOSTS = [
    "http://a",
    "http://a.b",
    "http://a-b",
    "http://a:8080",
    "https://a",
    "https://user:p@a",
    "http://[::1]",
  ]

  test("selects that path on every host, port and scheme, but not longer hosts or deeper paths", async () => {
    const module = freshCache()
    const inside = HOSTS.flatMap((host) => [`${host}/p`, `${host}/p/1`, `${host}/p?q=/`])
    const outside = HOSTS.flatMap((host) => [`${host}/`, `${host}/q/p`, `${host}/q?u=/p`])
    for (const at of [...inside, ...outside]) await module.put(at, new Response(at))
    expect(await module.purge({ prefix: "/p" })).toEqual({ purged: inside.length })
    expect(await remaining(module, [...inside, ...outside])).toEqual(outside)
  })

  test("of a single slash selects everything", async () => {
    const module = await moduleWithEntries()
    expect(await module.purge({ prefix: "/" })).toEqual({ purged: 4 })
  })
})

describe("a prefix is normalised as keys are", () => {
  const CAFE = "https://a.example/caf%C3%A9/1"
  test.each<[prefix: string, purged: string[], kept?: string[]]>([
    ["https://A.example:443/caf\u00e9/", [CAFE], ["http://a.example/caf%C3%A9/1"]],
    ["HTTPS://a.EXAMPLE/caf%c3%a9/", [CAFE]],
    ["https://a.example:0443/caf\u00e9/", [CAFE]],
    ["/caf\u00e9/", [CAFE, "http://b.example/caf%C3%A9/"], ["https://a.example/x/caf%C3%A9/"]],
    ["/caf%c3%a9/", [CAFE, "https://a.example/caf%c3%a9/2"]],
    ["/caf%C3", [CAFE, "https://a.example/caf%C3%AA"], ["https://a.example/caf%C4%80"]],
    ["/caf%c", [CAFE, "https://a.example/caf%c4"]],
    ["https://a.exam", ["https://a.example/", "https://a.exam/"], ["https://b.exam/"]],
    ["https://A.Exam", ["https://a.example/"]],
    [
      "https://a.example",
      ["https://a.example/", "https://a.example.com/", "https://a.example:8443/"],
    ],
    [
      "https://a.example:443",
      ["https://a.example/x", "https://a.example:4430/"],
      ["https://a.example.com/"],
    ],
    ["https://a.example:8", ["https://a.example:8080/"], ["https://a.example/"]],
    ["https://b\u00fccher.example/", ["https://xn--bcher-kva.example/1"]],
    ["https://B\u00dcCHER.exam", ["https://xn--bcher-kva.example/1"]],
    ["http://[0:0::1]:80/", ["http://[::1]/x"]],
    ["http://127.0", ["http://127.0.0.1/"]],
    ["http", ["http://a.example/", "https://a.example/"]],
    ["https://a.example/x/../y/", ["https://a.example/y/1"], ["https://a.example/x/"]],
    ["https://a.example/.", ["https://a.example/.well-known/a"], ["https://a.example/a"]],
    ["https://a.example\\x\\", ["https://a.example/x/1"]],
    ["https://a.example/a b", ["https://a.example/a%20b"]],
    [" https://a.example/\n", ["https://a.example/"]],
    ["https://user@A.example/", ["https://user@a.example/"], ["https://a.example/"]],
    ["https://a.example/?", ["https://a.example/?a=1"], ["https://a.example/"]],
    [
      "https://a.example/?b=~&a=\u00e9",
      ["https://a.example/?a=%C3%A9&b=%7E1"],
      ["https://a.example/?a=1"],
    ],
    ["https://a.example/?page", ["https://a.example/?page=1", "https://a.example/?pages=1"]],
    ["https://a.example/?a=1&b", ["https://a.example/?a=1&b=2"], ["https://a.example/?a=1"]],
    [
      "https://a.example/?q=%e9",
      ["https://a.example/?q=%E9", "https://a.example/?q=%e9x"],
      ["https://a.example/?q=%E8"],
    ],
    ["https://a.example/?q=%c3", ["https://a.example/?q=%C3%A9"]],
    ["https://a.example/?q=%C", ["https://a.example/?q=%C3%A9"]],
    [
      "https://a.example/?b=1&a=2#",
      ["https://a.example/?a=2&b=1"],
      ["https://a.example/?a=2&b=11"],
    ],
    ["https://a.example/x#default;GET", ["https://a.example/x"], ["https://a.example/x?a=1"]],
  ])("%s", async (prefix, purged, kept = []) => {
    const module = freshCache()
    for (const at of [...purged, ...kept]) await module.put(at, new Response(at))
    expect(await module.purge({ prefix })).toEqual({ purged: purged.length })
    expect(await remaining(module, [...purged, ...kept])).toEqual(kept)
  })

  test("and drops puts of builds that began before the purge, however the prefix is spelled", async () => {
    const module = freshCache()
    for (const at of [CAFE, "https://a.example/caf%c3%a9/2"]) {
      expect(await module.match(at)).toBeUndefined()
      await module.purge({ prefix: "https://A.example:443/caf%c3%a9/" })
      await module.put(at, new Response(at))
      expect(await module.match(at)).toBeUndefined()
    }
    expect((await module.inspect()).fencedWrites).toBe(2)
  })
})

test.each([
  "api/",
  "api.example.com/api",
  "ftp://a.example/",
  "ftp",
  "https:a",
  "https:/a",
  "https:///a",
  "\\a",
  "?a=1",
  "#default",
  "https://a b/",
  "https://a.example:99999/",
  "https://a.example:65536",
  "https://a.example/x#section",
  "/x#default;GET#",
  " ",
])("a prefix of %j, with which no key can begin, is refused", async (prefix) => {
  const module = await moduleWithEntries()
  const error = await errorOf(() => module.purge({ everything: true, prefix }))
  expect(error).toMatchObject({ name: "TypeError", code: "LAYERON_INVALID_OPTION" })
  expect(error.message).toMatch(
    /^purge\(\) selector\.prefix must be the beginning of a key, or of a path /,
  )
  expect((await module.inspect()).entries).toBe(4)
})

describe("variants by the response's own Vary", () => {
  const varied = { headers: { vary: "x-a" } }
  const request = (a: string) => get("/a", { "x-a": a })

  async function twoVariants(): Promise<CacheModule> {
    const module = freshCache()
    for (const a of ["1", "2"])
      await module.put(request(a), new Response(a, varied), { tags: [`a${a}`] })
    return module
  }

  test("are all removed by a purge of their request, each counted", async () => {
    const module = await twoVariants()
    expect(await module.purge({ request: url("/a") })).toEqual({ purged: 2 })
    expect(await bodyOf(module, request("1"))).toBeUndefined()
    expect(await bodyOf(module, request("2"))).toBeUndefined()
  })

  test("are removed one by one by delete", async () => {
    const module = await twoVariants()
    expect(await module.delete(request("1"))).toBe(true)
    expect(await module.delete(request("1"))).toBe(false)
    expect(await bodyOf(module, request("2"))).toBe("2")
  })

  test("are purged separately by their tags, and together by prefix", async () => {
    const module = await twoVariants()
    expect(await module.purge({ tags: ["a1"] })).toEqual({ purged: 1 })
    expect(await bodyOf(module, request("2"))).toBe("2")
    await module.put(request("3"), new Response("3", varied))
    expect(await module.purge({ prefix: url("/a") })).toEqual({ purged: 2 })
  })
})

test("a purge of a request removes only the entry with its values of the configured vary", async () => {
  const module = freshCache({ vary: ["x-a"] })
  for (const a of ["1", "2"]) await module.put(get("/a", { "x-a": a }), new Response(a))
  expect(await module.purge({ request: url("/a") })).toEqual({ purged: 0 })
  expect(await module.purge({ request: get("/a", { "x-a": "1" }) })).toEqual({ purged: 1 })
  expect(await bodyOf(module, get("/a", { "x-a": "2" }))).toBe("2")
})

describe("an expired entry", () => {
  beforeEach(stopClock)
  afterEach(() => jest.useRealTimers())

  async function expired(): Promise<CacheModule> {
    const module = freshCache({ tags: ["t"] })
    await module.put(url("/a"), new Response("a"), {
      ttlSeconds: 10,
      staleWhileRevalidateSeconds: 5,
    })
    await module.put(url("/b"), new Response("b"), { ttlSeconds: 60 })
    return module
  }

  test.each<[string, CachePurgeSelector]>([
    ["tags", { tags: ["t"] }],
    ["prefix", { prefix: url("/") }],
    ["everything", { everything: true }],
    ["request", { request: url("/b") }],
  ])("does not count in a purge by %s", async (_, selector) => {
    const module = await expired()
    setClock(15)
    expect(await module.purge(selector)).toEqual({ purged: 1 })
    expect((await module.stats()).purges).toBe(1)
  })

  test("counts until its stale window has ended", async () => {
    const module = await expired()
    setClock(14.999)
    expect(await module.purge({ tags: ["t"] })).toEqual({ purged: 2 })
  })

  test("is not found by delete, and counts as one expiration in inspect()", async () => {
    const module = await expired()
    setClock(15)
    expect(await module.delete(url("/a"))).toBe(false)
    expect(await module.inspect()).toMatchObject({ entries: 1, expirations: 1, evictions: 0 })
    setClock(60)
    expect(await module.inspect()).toMatchObject({ entries: 0, expirations: 2, bytes: 0 })
  })
})

test("an entry that is put after a purge is found, even if the purge's selector matches it", async () => {
  const module = await moduleWithEntries()
  await module.purge({ tags: ["products"] })
  await module.put(url("/api/products/1"), new Response("anew"), { tags: ["products"] })
  expect(await bodyOf(module, url("/api/products/1"))).toBe("anew")
})

test("a purge of a thousand entries counts every one", async () => {
  const module = freshCache()
  for (let n = 0; n < 1000; n++)
    await module.put(url(`/${n}`), new Response(null), { tags: [`mod-${n % 3}`] })
  expect(await module.purge({ tags: ["mod-0", "mod-1"], prefix: url("/1") })).toEqual({
    purged: 703,
  })
  expect(await module.inspect()).toMatchObject({ entries: 297 })
})

describe("a purge of many entries", () => {
  const COUNT = 5_000

  async function withMany(): Promise<CacheModule> {
    const module = freshCache({ ttlSeconds: 60, staleWhileRevalidateSeconds: 60 })
    for (let n = 0; n < COUNT; n++)
      await module.put(url(`/many/${n}`), new Response(null), { tags: ["many"] })
    await module.put(url("/other"), new Response("other"))
    return module
  }

  test.each<[string, CachePurgeSelector, number]>([
    ["by tag", { tags: ["many"] }, COUNT],
    ["by path prefix", { prefix: "/many/" }, COUNT],
    ["by URL prefix", { prefix: url("/many/") }, COUNT],
    ["of everything", { everything: true }, COUNT + 1],
  ])(
    "%s is in effect when it is called, and resolves with their number",
    async (_, selector, purged) => {
      const module = await withMany()
      const purge = module.purge(selector)
      for (let n = 0; n < COUNT; n += 7)
        expect(await module.match(url(`/many/${n}`))).toBeUndefined()
      const replaced = url(`/many/${COUNT - 1}`)
      await module.put(replaced, new Response("new"), { tags: ["many"] })
      expect(await purge).toEqual({ purged })
      expect(await bodyOf(module, replaced)).toBe("new")
      expect(await module.inspect()).toMatchObject({ entries: COUNT + 2 - purged })
      expect((await module.stats()).purges).toBe(purged)
    },
  )

  test("makes them stale when it is called, if it is soft", async () => {
    const module = await withMany()
    const purge = module.purge({ tags: ["many"], soft: true })
    for (let n = 0; n < COUNT; n += 7) {
      expect(await module.match(url(`/many/${n}`))).toBeUndefined()
      const stale = await module.match(url(`/many/${n}`))
      expect(stale?.headers.get("cache-status")).toMatch(/; hit; ttl=-?\d; detail=stale$/)
    }
    expect(await purge).toEqual({ purged: COUNT })
    expect(await module.inspect()).toMatchObject({ entries: COUNT + 1 })
  })
})
