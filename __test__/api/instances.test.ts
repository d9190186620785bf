import { type CacheModule, cache } from "@layeron/modules"
import { bodyOf, errorOf, freshCache, get, NO_STATS, sameIdentity, url } from "../helpers/cache"
import { controlledStream } from "../helpers/streams"

const A = url("/a")

describe("a declaration", () => {
  test("has its kind, name, namespace, identity and rules as properties", () => {
    const module = freshCache({ namespace: "storefront" })
    expect(module).toMatchObject({
      kind: "cache",
      namespace: "storefront",
      identity: `storefront/${module.name}`,
      rules: [],
    })
    expect(freshCache().namespace).toBe("default")
  })

  test("lists its rules in order, with all options that they inherit", () => {
    const module = freshCache({
      ttlSeconds: 60,
      staleWhileRevalidateSeconds: 30,
      vary: ["Accept-Language"],
      tags: ["all"],
      rules: [
        {},
        {
          name: "posts",
          path: "/api/posts/:id",
          methods: ["get", "Post"],
          ttlSeconds: 5,
          staleWhileRevalidateSeconds: 0,
          vary: ["Accept"],
          tags: ["posts", "all"],
          bypass: { headers: ["X-Preview"], cookies: ["Session"] },
        },
      ],
    })
    expect(module.rules).toEqual([
      {
        name: "rule-1",
        path: undefined,
        methods: ["GET", "HEAD"],
        ttlSeconds: 60,
        staleWhileRevalidateSeconds: 30,
        vary: ["accept-language"],
        tags: ["all"],
        cookies: "pass",
        requestDirectives: "honour",
        bypass: { headers: [], cookies: [], query: [] },
      },
      {
        name: "posts",
        path: "/api/posts/:id",
        methods: ["GET", "POST"],
        ttlSeconds: 5,
        staleWhileRevalidateSeconds: 0,
        vary: ["accept"],
        tags: ["all", "posts"],
        cookies: "pass",
        requestDirectives: "honour",
        bypass: { headers: ["x-preview"], cookies: ["Session"], query: [] },
      },
    ])
  })

  test("does not change when the caller changes the options object later", async () => {
    const options = {
      vary: ["x-a"],
      tags: ["t"],
      rules: [{ path: "/a", vary: ["x-a"], tags: ["t"] }],
    }
    const module = freshCache(options)
    const expected = module.key(get("/a", { "x-a": "1", "x-b": "1" }))
    options.vary[0] = "x-b"
    options.rules[0]!.vary[0] = "x-b"
    options.rules[0]!.path = "/b"
    options.tags.push("u")
    expect(module.key(get("/a", { "x-a": "1", "x-b": "1" }))).toBe(expected)
    expect(module.rules[0]).toMatchObject({ path: "/a", vary: ["x-a"], tags: ["t"] })
  })

  test("has counters of exactly five names, all 0 at first", async () => {
    const stats = await freshCache().stats()
    expect({ ...stats }).toEqual(NO_STATS)
    expect(Object.keys(stats)).toHaveLength(5)
  })
})

test("each call increments only its own counter", async () => {
  const module = freshCache()
  await module.match(A)
  await module.put(A, new Response("a"))
  await module.put(A, new Response("b"))
  await module.match(A)
  await module.match(A)
  await module.match(A)
  await module.delete(A)
  await module.put(A, new Response("c"))
  await module.put(url("/b"), new Response("c"))
  await module.purge({ everything: true })
  expect(await module.stats()).toEqual({ hits: 3, misses: 1, puts: 4, deletes: 1, purges: 2 })
})

describe("two declarations of one identity", () => {
  test("share entries and counters", async () => {
    const one = freshCache()
    const two = sameIdentity(one)
    await one.put(A, new Response("a"))
    expect(await bodyOf(two, A)).toBe("a")
    await two.match(url("/b"))
    expect(await one.stats()).toEqual({ ...NO_STATS, puts: 1, hits: 1, misses: 1 })
    expect(await two.stats()).toEqual(await one.stats())
    expect(await two.purge({ everything: true })).toEqual({ purged: 1 })
    expect(await one.match(A)).toBeUndefined()
  })

  test("each apply their own policy to the same entries", async () => {
    const one = freshCache({ ttlSeconds: 1, tags: ["one"], vary: ["x-a"] })
    const two = sameIdentity(one, {
      ttlSeconds: 2,
      tags: ["two"],
      rules: [{ path: "/b", ttlSeconds: 3 }],
    })
    const request = get("/a", { "x-a": "1" })
    const ttl = async (module: CacheModule, at: Request | string) =>
      (await module.match(at))?.headers.get("cache-control")
    await one.put(request, new Response("one"))
    expect(await two.match(request)).toBeUndefined()
    await two.put(request, new Response("two"))
    await two.put(url("/b"), new Response("two"))
    expect(await ttl(one, request)).toBe("public, max-age=1")
    expect(await ttl(two, request)).toBe("public, max-age=2")
    expect(await ttl(one, url("/b"))).toBe("public, max-age=3")
    expect(one.rules).toEqual([])
    expect(await one.purge({ tags: ["two"] })).toEqual({ purged: 2 })
  })

  test("share a store if their bounds are equal, however they are written", async () => {
    const one = freshCache()
    const same = sameIdentity(one, {
      storage: { memory: { maxBytes: 134_217_728, maxEntryBytes: 16_777_216 } },
    })
    await one.put(A, new Response("a"))
    expect(await bodyOf(same, A)).toBe("a")
  })

  test.each([
    ["maxBytes", { memory: { maxBytes: 9_000 } }],
    ["maxEntryBytes", { memory: { maxEntryBytes: 9_000 } }],
    ["maxInFlightBytes", { memory: { maxInFlightBytes: 9_000 } }],
  ])(
    "cannot differ in %s: the second throws, and the first continues to work",
    async (_, storage) => {
      const one = freshCache()
      await one.put(A, new Response("a"))
      const error = await errorOf(() => sameIdentity(one, { storage }))
      expect(error).toBeInstanceOf(Error)
      expect(error.code).toBe("LAYERON_STORAGE_CONFLICT")
      expect(error.message).toContain(one.identity)
      expect(await bodyOf(one, A)).toBe("a")
      await one.close()
      expect((await sameIdentity(one, { storage }).inspect()).entries).toBe(0)
    },
  )
})

describe("instances of one name in two namespaces share nothing:", () => {
  async function pair(): Promise<[CacheModule, CacheModule]> {
    const one = freshCache({ namespace: "one", tags: ["t"] })
    const two = cache({ name: one.name, namespace: "two", tags: ["t"] })
    await one.put(A, new Response("one"))
    await two.put(A, new Response("two"))
    return [one, two]
  }

  test("neither keys nor entries", async () => {
    const [one, two] = await pair()
    expect([one.key(A), two.key(A)]).toEqual([`${A}#one;GET`, `${A}#two;GET`])
    expect([await bodyOf(one, A), await bodyOf(two, A)]).toEqual(["one", "two"])
  })

  test("neither deletes nor purges", async () => {
    const [one, two] = await pair()
    await one.delete(A)
    await one.purge({ tags: ["t"], prefix: url("/"), everything: true, request: A })
    expect(await bodyOf(two, A)).toBe("two")
  })

  test("neither counters nor bounds", async () => {
    const [one, two] = await pair()
    await one.match(A)
    expect(await two.stats()).toEqual({ ...NO_STATS, puts: 1 })
    const small = cache({
      name: one.name,
      namespace: "three",
      storage: { memory: { maxBytes: 9_000 } },
    })
    expect((await small.inspect()).maxBytes).toBe(9_000)
  })

  test("nor do identities whose name and namespace joined are the same text", async () => {
    const one = freshCache({ namespace: "a.b" })
    await one.put(A, new Response("a"))
    expect(await cache({ name: `b.${one.name}`, namespace: "a" }).match(A)).toBeUndefined()
  })
})

describe("close", () => {
  const CALLS: Readonly<Record<string, (module: CacheModule) => unknown>> = {
    key: (module) => module.key(A),
    match: (module) => module.match(A),
    put: (module) => module.put(A, new Response("a")),
    delete: (module) => module.delete(A),
    purge: (module) => module.purge({ everything: true }),
    stats: (module) => module.stats(),
    inspect: (module) => module.inspect(),
  }

  test.each(Object.entries(CALLS))(
    "makes %s fail with the code LAYERON_CLOSED",
    async (name, call) => {
      const module = freshCache()
      await module.close()
      const error = await errorOf(() => call(module))
      expect(error).toBeInstanceOf(Error)
      expect(error.code).toBe("LAYERON_CLOSED")
      if (name === "key") expect(() => call(module)).toThrow()
      else expect(() => (call(module) as Promise<unknown>).catch(() => {})).not.toThrow()
    },
  )

  test("frees entries and counters when the last declaration is closed, and not before", async () => {
    const one = freshCache()
    const two = sameIdentity(one)
    await one.put(A, new Response("a"))
    await one.close()
    expect(await bodyOf(two, A)).toBe("a")
    expect(await bodyOf(sameIdentity(one), A)).toBe("a")
    const three = sameIdentity(one)
    await two.close()
    await three.close()
  })

  test("of the only declaration in memory lets a new one start empty, with another storage", async () => {
    const one = freshCache({ storage: "memory" })
    await one.put(A, new Response("a"))
    await one.close()
    const again = sameIdentity(one, { storage: { memory: { maxBytes: 9_000 } } })
    expect(await again.match(A)).toBeUndefined()
    expect(await again.stats()).toEqual({ ...NO_STATS, misses: 1 })
    expect((await again.inspect()).maxBytes).toBe(9_000)
  })

  test("twice has no effect on other declarations", async () => {
    const one = freshCache()
    const two = sameIdentity(one)
    await two.put(A, new Response("a"))
    await one.close()
    await one.close()
    expect(await bodyOf(two, A)).toBe("a")
    expect(await bodyOf(sameIdentity(one), A)).toBe("a")
  })

  test("is called by Symbol.asyncDispose", async () => {
    const module = freshCache()
    await module[Symbol.asyncDispose]()
    expect((await errorOf(() => module.match(A))).code).toBe("LAYERON_CLOSED")
  })

  test("leaves responses that were matched before readable", async () => {
    const module = freshCache()
    await module.put(A, new Response("a".repeat(100_000)))
    const response = await module.match(A)
    await module.close()
    expect((await response?.text())?.length).toBe(100_000)
  })

  test("fails a put that still reads its body with that code, and stores nothing", async () => {
    const one = freshCache()
    const two = sameIdentity(one)
    const body = controlledStream()
    const put = one.put(A, new Response(body.stream))
    body.enqueue("a")
    await one.close()
    body.end()
    expect((await errorOf(() => put)).code).toBe("LAYERON_CLOSED")
    expect(await two.match(A)).toBeUndefined()
    expect((await two.stats()).puts).toBe(0)
  })

  test("leaves the module's properties readable", async () => {
    const module = freshCache({ rules: [{}] })
    await module.close()
    expect([module.kind, module.namespace, module.rules.length]).toEqual(["cache", "default", 1])
  })
})
