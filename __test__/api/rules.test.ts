import type { CacheModule } from "@layeron/modules"
import { bodyOf, freshCache, get, mustMatch, NO_STATS, sameIdentity, url } from "../helpers/cache"

async function ttlOf(module: CacheModule, request: Request): Promise<string | null> {
  await module.put(request, new Response(null))
  return (await mustMatch(module, request)).headers.get("cache-control")
}

describe("the rule that applies", () => {
  test("is the first whose path and method match", async () => {
    const module = freshCache({
      ttlSeconds: 9,
      rules: [
        { path: "/api/posts/:id", methods: ["HEAD"], ttlSeconds: 1 },
        { path: "/api/posts/new", ttlSeconds: 2 },
        { path: "/api/posts/:id", ttlSeconds: 3 },
        { path: "/api/*", ttlSeconds: 4 },
      ],
    })
    const ttls = ["/api/posts/new", "/api/posts/7", "/api/posts/7/comments", "/api", "/apis"].map(
      (path) => ttlOf(module, get(path)),
    )
    expect(await Promise.all(ttls)).toEqual([2, 3, 4, 4, 9].map((ttl) => `public, max-age=${ttl}`))
    const head = new Request(url("/api/posts/new"), { method: "HEAD" })
    expect(await ttlOf(module, head)).toBe("public, max-age=1")
  })

  test.each([
    ["/a/:id{[0-9]+}", "/a/12", true],
    ["/a/:id{[0-9]+}", "/a/b", false],
    ["/a/:id?", "/a", true],
    ["/a/*/c", "/a/b/c", true],
    ["/a/*/c", "/a/b/b/c", false],
    ["/a.c", "/abc", false],
    ["/caf\u00e9", "/caf%C3%A9", true],
    ["/a", "/a/", false],
    ["/a", "/a?b=/c", true],
    ["*", "/any/thing", true],
  ])("with the pattern %s and the path %s does so: %s", async (path, target, applies) => {
    const module = freshCache({ ttlSeconds: 9, rules: [{ path, ttlSeconds: 1 }] })
    expect(await ttlOf(module, get(target))).toBe(`public, max-age=${applies ? 1 : 9}`)
  })

  test("covers GET and HEAD of every path if it has neither methods nor a path", async () => {
    const module = freshCache({ ttlSeconds: 9, rules: [{ ttlSeconds: 1 }] })
    expect(await ttlOf(module, get("/any"))).toBe("public, max-age=1")
    expect(await ttlOf(module, new Request(url("/any"), { method: "HEAD" }))).toBe(
      "public, max-age=1",
    )
  })

  test("decides on vary in key, match, put and delete alike", async () => {
    const module = freshCache({ vary: ["x-a"], rules: [{ path: "/ruled", vary: ["x-b"] }] })
    const request = get("/ruled", { "x-a": "1", "x-b": "2" })
    expect(module.key(request)).toBe(`${url("/ruled")}#default;GET;x-b=2`)
    expect(module.key(get("/free", { "x-a": "1", "x-b": "2" }))).toBe(
      `${url("/free")}#default;GET;x-a=1`,
    )
    await module.put(request, new Response("2"))
    expect(await bodyOf(module, get("/ruled", { "x-b": "2" }))).toBe("2")
    expect(await bodyOf(module, get("/ruled", { "x-a": "1" }))).toBeUndefined()
    expect(await module.delete(get("/ruled", { "x-b": "3" }))).toBe(false)
    expect(await module.delete(get("/ruled", { "x-b": "2" }))).toBe(true)
  })

  test("is overridden by the vary of a call", async () => {
    const module = freshCache({ rules: [{ vary: ["x-b"] }] })
    const request = get("/a", { "x-b": "2", "x-c": "3" })
    expect(module.key(request, { vary: ["X-C"] })).toBe(`${url("/a")}#default;GET;x-c=3`)
    expect(module.key(request, { vary: [] })).toBe(`${url("/a")}#default;GET`)
  })

  test("removes the instance's vary with an empty list, and inherits it without one", () => {
    const module = freshCache({
      vary: ["x-a"],
      rules: [{ path: "/none", vary: [] }, { path: "/same" }],
    })
    expect(module.key(get("/none", { "x-a": "1" }))).toBe(`${url("/none")}#default;GET`)
    expect(module.key(get("/same", { "x-a": "1" }))).toBe(`${url("/same")}#default;GET;x-a=1`)
  })
})

describe("tags", () => {
  const options = { tags: ["of-instance"], rules: [{ path: "/a", tags: ["of-rule"] }] }

  test.each(["of-instance", "of-rule", "of-call", "of response", "\u00e9"])(
    "of instance, rule, call and Cache-Tag are united: %s purges the entry",
    async (tag) => {
      const module = freshCache(options)
      const headers = { "cache-tag": "of response , \u00e9,," }
      await module.put(get("/a"), new Response("a", { headers }), { tags: ["of-call"] })
      expect(await module.purge({ tags: [tag] })).toEqual({ purged: 1 })
      expect(await module.match(get("/a"))).toBeUndefined()
    },
  )

  test("of a rule do not apply to entries that it does not cover", async () => {
    const module = freshCache(options)
    await module.put(get("/b"), new Response("b"))
    expect(await module.purge({ tags: ["of-rule"] })).toEqual({ purged: 0 })
    expect(await module.purge({ tags: ["of-instance"] })).toEqual({ purged: 1 })
  })

  test.each([
    ["as UTF-8", Buffer.from("\u00e9").toString("latin1")],
    ["as Latin-1", "\u00e9"],
    ["as UTF-8 beside Latin-1", `${Buffer.from("\u00e9").toString("latin1")}, \u00e8`],
  ])("decode %s in Cache-Tag", async (_, value) => {
    const module = freshCache()
    await module.put(url("/"), new Response("a", { headers: { "cache-tag": value } }))
    expect((await module.explain(url("/"))).entry?.tags).toContain("\u00e9")
    expect(await module.purge({ tags: ["\u00e9"] })).toEqual({ purged: 1 })
  })

  test("of all Cache-Tag lines apply, and Cache-Tag is not served", async () => {
    const module = freshCache()
    const headers = new Headers({ "x-kept": "1" })
    for (const tag of ["a", "b"]) headers.append("cache-tag", tag)
    await module.put(get("/a"), new Response("a", { headers }))
    const response = await mustMatch(module, get("/a"))
    expect([response.headers.get("cache-tag"), response.headers.get("x-kept")]).toEqual([null, "1"])
    expect(await module.purge({ tags: ["b"] })).toEqual({ purged: 1 })
  })

  test("differ by case and as whole names", async () => {
    const module = freshCache()
    await module.put(get("/a"), new Response("a"), { tags: ["product:1"] })
    expect(
      await module.purge({ tags: ["Product:1", "product:", "product:11", "product"] }),
    ).toEqual({
      purged: 0,
    })
  })

  test("are not part of the key", async () => {
    const module = freshCache()
    await module.put(get("/a"), new Response("1"), { tags: ["x"] })
    await module.put(get("/a"), new Response("2"), { tags: ["y"] })
    expect((await module.inspect()).entries).toBe(1)
    expect(await module.purge({ tags: ["x"] })).toEqual({ purged: 0 })
    expect(await bodyOf(module, get("/a"))).toBe("2")
  })
})

describe("a bypass", () => {
  const rules = [
    {
      path: "/a",
      bypass: { headers: ["X-Preview"], cookies: ["session"], query: ["draft mode"] },
      vary: ["accept"],
    },
  ]

  test.each([
    ["a header", "/a", { "x-preview": "1" }],
    ["an empty header", "/a", { "x-preview": "" }],
    ["a cookie", "/a", { cookie: "a=b; session=1" }],
    ["an empty cookie", "/a", { cookie: "session=" }],
    ["a query parameter", "/a?draft+mode=1", {}],
    ["an empty query parameter, encoded otherwise", "/a?x=1&draft%20mode", {}],
  ])("by %s skips match, put and delete, and is neither hit nor miss", async (_, path, headers) => {
    const module = freshCache({ rules })
    const request = get(path, headers)
    const unruled = sameIdentity(module, { vary: ["accept"] })
    await unruled.put(request, new Response("kept"))
    const response = new Response("dropped")
    expect(await module.match(request)).toBeUndefined()
    expect(await module.put(request, response)).toBeUndefined()
    expect(await module.delete(request)).toBe(false)
    expect(response.bodyUsed).toBe(true)
    expect(await module.stats()).toEqual({ ...NO_STATS, puts: 1, deletes: 1 })
    expect((await module.inspect()).bypasses).toBe(3)
    expect(await bodyOf(unruled, request)).toBe("kept")
    expect(module.key(request)).toBe(unruled.key(request))
  })

  test.each([
    ["a header of a longer name", "/a", { "x-preview-mode": "1" }],
    ["a cookie of a longer name", "/a", { cookie: "session2=1; xsession=1" }],
    ["a cookie in other case", "/a", { cookie: "Session=1" }],
    ["a cookie that has the name as value", "/a", { cookie: "a=session; b=session=1" }],
    ["a query parameter in other case", "/a?Draft+mode=1", {}],
    ["a query parameter that has the name as value", "/a?a=draft+mode", {}],
    ["a path that the rule does not cover", "/b", { "x-preview": "1" }],
  ])("is not caused by %s", async (_, path, headers) => {
    const module = freshCache({ rules })
    await module.put(get(path, headers), new Response("a"))
    expect(await bodyOf(module, get(path, headers))).toBe("a")
    expect((await module.inspect()).bypasses).toBe(0)
  })

  test("of a later rule does not apply to a request that an earlier rule covers", async () => {
    const module = freshCache({
      rules: [{ path: "/a" }, { path: "/*", bypass: { headers: ["x-preview"] } }],
    })
    await module.put(get("/a", { "x-preview": "1" }), new Response("a"))
    expect((await module.inspect()).bypasses).toBe(0)
    await module.put(get("/b", { "x-preview": "1" }), new Response("b"))
    expect((await module.inspect()).bypasses).toBe(1)
  })

  test("does not prevent the refusal of an invalid put", async () => {
    const module = freshCache({ rules })
    const request = get("/a", { "x-preview": "1" })
    await expect(module.put(request, new Response("a", { status: 206 }))).rejects.toThrow(TypeError)
    expect((await module.inspect()).bypasses).toBe(0)
  })
})
