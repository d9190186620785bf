import type { CacheModule, CacheModuleOptions, CachePurgeSelector } from "@layeron/modules"
import { bodyOf, get, NO_STATS, ORIGIN, url } from "../helpers/cache"
import { Child, type ChildContext, runInProcess } from "../helpers/child"
import { START, setClock, stopDate } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import { diskOf, newPath, openIn, pollUntil } from "../helpers/storage"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

/** A response as plain data that can be sent to a process. */
interface ResponseParts {
  readonly status: number
  readonly headers: [string, string][]
  readonly body: Uint8Array | null
}

/** An entry that another process puts. */
interface Put {
  readonly path: string
  readonly parts?: ResponseParts
  readonly body?: string
  readonly tags?: string[]
  /** Header fields of the request. */
  readonly request?: Record<string, string>
  readonly ttlSeconds?: number
  readonly staleWhileRevalidateSeconds?: number
}

/** Puts entries in a child process at {@link START}, with options as in {@link openIn}. */
async function putAll(
  { cache }: ChildContext,
  options: CacheModuleOptions,
  origin: string,
  now: number,
  puts: Put[],
): Promise<void> {
  Date.now = () => now
  const shop = cache(options)
  for (const { path, parts, body, request, ...putOptions } of puts) {
    const response = parts === undefined ? new Response(body) : new Response(parts.body, parts)
    await shop.put(new Request(origin + path, { headers: request ?? {} }), response, putOptions)
  }
}

/** Runs a child process that puts these entries at {@link START} and exits. */
async function putBefore(
  path: string,
  puts: Put[],
  options: Partial<CacheModuleOptions> = {},
): Promise<void> {
  await runInProcess(putAll, { name: "shop", storage: { path }, ...options }, ORIGIN, START, puts)
}

/** Returns one character per byte, because Jest compares strings faster than bytes. */
function characters(body: Uint8Array | null): string | null {
  return body === null ? null : Buffer.from(body).toString("latin1")
}

async function described(response: Response | undefined) {
  if (response === undefined) return undefined
  const { status, headers } = response
  const body = response.body === null ? null : new Uint8Array(await response.arrayBuffer())
  return { status, headers: [...headers], body: characters(body) }
}

const bytes = (text: string) => new TextEncoder().encode(text)
const everyByte = Uint8Array.from({ length: 256 }, (_, at) => at)

const RESPONSES: [string, ResponseParts][] = [
  ["text", { status: 200, headers: [["content-type", "text/plain"]], body: bytes("a text") }],
  ["text beyond ASCII", { status: 200, headers: [], body: bytes("ünïcode 👍 \u0000 end") }],
  [
    "bytes of each value",
    { status: 200, headers: [["content-type", "image/png"]], body: everyByte },
  ],
  [
    "a body of three megabytes",
    { status: 200, headers: [], body: new Uint8Array(3_000_000).fill(7) },
  ],
  ["an empty body", { status: 200, headers: [], body: new Uint8Array(0) }],
  ["no body", { status: 204, headers: [], body: null }],
  ["status 404", { status: 404, headers: [["cache-control", "max-age=60"]], body: bytes("gone") }],
  [
    "many header fields",
    {
      status: 203,
      headers: [
        ["etag", '"v1"'],
        ["last-modified", "Mon, 01 Jan 2024 00:00:00 GMT"],
        ["link", "</a>; rel=preload"],
        ["link", "</b>; rel=preload"],
        ["x-empty", ""],
        ["x-latin", "caf\u00e9"],
        ["x-long", "h".repeat(20_000)],
      ],
      body: bytes("b"),
    },
  ],
]

describe("after a restart", () => {
  test.each(RESPONSES)("a response is unchanged: %s", async (_, response) => {
    const path = newPath()
    const before = openIn(newPath(), { ttlSeconds: 60 })
    await before.put(url("/"), new Response(response.body, response))
    const expected = await described(await before.match(url("/")))
    await before.close()
    await putBefore(path, [{ path: "/", parts: response }], { ttlSeconds: 60 })
    const after = await described(await openIn(path).match(url("/")))
    expect(after).toEqual(expected)
    expect(after?.body).toBe(characters(response.body))
  })

  test("GET and HEAD of one URL are found separately", async () => {
    const path = newPath()
    await runInProcess(async ({ cache }, path) => {
      const shop = cache({ name: "shop", storage: { path } })
      await shop.put("https://api.example.com/", new Response("got"))
      const head = new Request("https://api.example.com/", { method: "HEAD" })
      await shop.put(head, new Response(null, { headers: { "x-a": "head" } }))
    }, path)
    jest.useRealTimers()
    const module = openIn(path)
    const head = await module.match(new Request(url("/"), { method: "HEAD" }))
    expect(head?.headers.get("x-a")).toBe("head")
    expect(await bodyOf(module, url("/"))).toBe("got")
  })

  test("conditions and ranges are evaluated with the entry", async () => {
    const path = newPath()
    const entry = {
      status: 200,
      headers: [["etag", '"v"']] as [string, string][],
      body: bytes("0123456789"),
    }
    await putBefore(path, [{ path: "/", parts: entry }])
    const module = openIn(path)
    expect((await module.match(get("/", { "if-none-match": '"v"' })))?.status).toBe(304)
    const part = await module.match(get("/", { range: "bytes=2-4" }))
    expect([part?.status, await part?.text()]).toEqual([206, "234"])
  })

  test("variants by the response's Vary are found by their requests", async () => {
    const path = newPath()
    const variant = (language: string): Put => ({
      path: "/",
      request: { "accept-language": language },
      parts: { status: 200, headers: [["vary", "accept-language"]], body: bytes(language) },
    })
    await putBefore(path, ["de", "en", "fr"].map(variant))
    const module = openIn(path)
    const of = (language: string) => get("/", { "accept-language": language })
    expect(await bodyOf(module, of("en"))).toBe("en")
    expect(await bodyOf(module, of("fr"))).toBe("fr")
    expect(await bodyOf(module, of("it"))).toBeUndefined()
    expect(await module.delete(of("de"))).toBe(true)
    expect(await bodyOf(module, of("de"))).toBeUndefined()
    expect(await bodyOf(module, of("en"))).toBe("en")
    expect(await module.purge({ request: url("/") })).toEqual({ purged: 2 })
    expect((await diskOf(module)).entries).toBe(0)
  })

  test("entries by configured vary are found by their requests", async () => {
    const path = newPath()
    const options = { vary: ["x-a"] }
    const puts = ["1", "2"].map((a): Put => ({ path: "/", request: { "x-a": a }, body: a }))
    await putBefore(path, puts, options)
    const module = openIn(path, options)
    for (const a of ["1", "2"]) expect(await bodyOf(module, get("/", { "x-a": a }))).toBe(a)
    expect(await bodyOf(module, get("/", { "x-a": "3" }))).toBeUndefined()
  })

  test("an entry keeps the rest of its lifetime, by the wall clock", async () => {
    const path = newPath()
    await putBefore(path, [{ path: "/", body: "b", ttlSeconds: 60 }])
    setClock(59.999)
    const found = await openIn(path).match(url("/"))
    expect(found?.headers.get("cache-status")).toMatch(/; hit; ttl=0$/)
    expect(found?.headers.get("age")).toBe("59")
    setClock(60)
    expect(await openIn(path).match(url("/"))).toBeUndefined()
  })

  test("an entry that has expired meanwhile is not found, and is removed from disk without a request for it", async () => {
    const path = newPath()
    await putBefore(path, [
      { path: "/brief", body: "b", ttlSeconds: 5, tags: ["all"] },
      { path: "/lasting", body: "l", ttlSeconds: 600, tags: ["all"] },
    ])
    setClock(5)
    const module = openIn(path)
    expect(await module.match(url("/brief"))).toBeUndefined()
    expect(
      await pollUntil(
        () => diskOf(module),
        ({ entries }) => entries === 1,
      ),
    ).toMatchObject({ evictions: 0 })
    expect(await bodyOf(module, url("/lasting"))).toBe("l")
    expect(await module.purge({ tags: ["all"] })).toEqual({ purged: 1 })
  })

  test("a stale entry is served to all callers except the one with the refresh lease", async () => {
    const path = newPath()
    await putBefore(path, [
      { path: "/", body: "old", ttlSeconds: 60, staleWhileRevalidateSeconds: 300 },
    ])
    setClock(61)
    const module = openIn(path)
    const bodies = await Promise.all(Array.from({ length: 10 }, () => bodyOf(module, get("/"))))
    expect(bodies.filter((body) => body === undefined)).toHaveLength(1)
    expect(bodies.filter((body) => body === "old")).toHaveLength(9)
    expect((await module.match(url("/")))?.headers.get("cache-status")).toMatch(
      /; hit; ttl=-1; detail=stale$/,
    )
    await module.put(url("/"), new Response("new"))
    expect(await bodyOf(module, url("/"))).toBe("new")
    await module.close()
    expect(await bodyOf(openIn(path), url("/"))).toBe("new")
  })

  test("an entry is not found after its stale window", async () => {
    const path = newPath()
    await putBefore(path, [
      { path: "/", body: "old", ttlSeconds: 60, staleWhileRevalidateSeconds: 300 },
    ])
    setClock(359.999)
    const first = openIn(path)
    await first.match(url("/"))
    expect(await bodyOf(first, url("/"))).toBe("old")
    await first.close()
    setClock(360)
    expect(await openIn(path).match(url("/"))).toBeUndefined()
  })

  test("explain() returns the same as before", async () => {
    const path = newPath()
    const options = { ttlSeconds: 60, tags: ["a"] }
    const before = openIn(newPath(), options)
    await before.put(url("/"), new Response("b"), { tags: ["b"] })
    const expected = await before.explain(url("/"))
    await before.close()
    await putBefore(path, [{ path: "/", body: "b", tags: ["b"] }], options)
    const explained = await openIn(path, options).explain(url("/"))
    expect(explained).toEqual(expected)
    expect(explained.entry?.tags).toEqual(["a", "b"])
  })

  test("an entry that was put twice has the second response", async () => {
    const path = newPath()
    await putBefore(path, [
      { path: "/", body: "first", tags: ["first"] },
      { path: "/", body: "second", tags: ["second"] },
    ])
    const module = openIn(path)
    expect(await module.purge({ tags: ["first"] })).toEqual({ purged: 0 })
    expect(await bodyOf(module, url("/"))).toBe("second")
    expect((await diskOf(module)).entries).toBe(1)
  })

  test("the counters continue, over several restarts", async () => {
    const path = newPath()
    const some = async ({ cache }: ChildContext, path: string) => {
      const shop = cache({ name: "shop", storage: { path } })
      const at = (n: number) => `https://api.example.com/${n}`
      for (let n = 0; n < 5; n++) await shop.match(at(n))
      for (let n = 0; n < 4; n++)
        await shop.put(new Request(at(n)), new Response("b"), { tags: ["t"] })
      for (let n = 0; n < 3; n++) await shop.match(at(n))
      await shop.delete(at(0))
      await shop.delete(at(9))
      await shop.purge({ tags: ["t"] })
      return shop.stats()
    }
    const expectedStats = { hits: 3, misses: 5, puts: 4, deletes: 2, purges: 3 }
    expect(await runInProcess(some, path)).toEqual(expectedStats)
    const twice = { hits: 6, misses: 10, puts: 8, deletes: 4, purges: 6 }
    expect(await runInProcess(some, path)).toEqual(twice)
    const module = openIn(path)
    expect(await module.stats()).toEqual(twice)
    await module.match(url("/"))
    await module.close()
    expect(await openIn(path).stats()).toEqual({ ...twice, misses: 11 })
  })

  test("a wrapped handler is answered from the store, and does not run", async () => {
    const path = newPath()
    const expectedStats = async ({ cache }: ChildContext, path: string) => {
      let runs = 0
      const shop = cache({ name: "shop", storage: { path }, ttlSeconds: 600 })
      const handler = shop.wrap(async () => {
        runs += 1
        return new Response(`run ${runs}`, { headers: { "x-a": "1" } })
      })
      const response = await handler(new Request("https://api.example.com/wrapped"))
      return { runs, text: await response.text(), x: response.headers.get("x-a") }
    }
    expect(await runInProcess(expectedStats, path)).toEqual({ runs: 1, text: "run 1", x: "1" })
    expect(await runInProcess(expectedStats, path)).toEqual({ runs: 0, text: "run 1", x: "1" })
  })

  test("a wrapped handler serves a stale response and refreshes it once", async () => {
    const path = newPath()
    await putBefore(path, [
      { path: "/", body: "old", ttlSeconds: 60, staleWhileRevalidateSeconds: 300 },
    ])
    setClock(61)
    const module = openIn(path)
    const built = deferred()
    let runs = 0
    const handler = module.wrap(async () => {
      runs += 1
      await built.promise
      return new Response("new", { headers: { "cache-control": "max-age=60" } })
    })
    const texts = await Promise.all(
      Array.from({ length: 5 }, async () => (await handler(get("/"))).text()),
    )
    expect(texts).toEqual(["old", "old", "old", "old", "old"])
    built.resolve()
    expect(
      await pollUntil(
        () => bodyOf(module, url("/")),
        (body) => body === "new",
      ),
    ).toBe("new")
    expect(runs).toBe(1)
  })
})

describe("an entry that does not fit into memory", () => {
  const storage = (path: string) => ({ path, memory: { maxBytes: 20_000, maxEntryBytes: 20_000 } })
  const bodyAt = (n: number) => String(n).padEnd(2_000)

  test("is served from the disk", async () => {
    const module = openIn("", { storage: storage(newPath()) })
    for (let n = 0; n < 50; n++) await module.put(url(`/${n}`), new Response(bodyAt(n)))
    expect((await module.inspect()).evictions).toBeGreaterThan(30)
    for (let n = 0; n < 50; n++) expect(await bodyOf(module, url(`/${n}`))).toBe(bodyAt(n))
    const { entries, bytes, maxBytes } = await module.inspect()
    expect(entries).toBeLessThan(15)
    expect(bytes).toBeLessThanOrEqual(maxBytes)
    expect(await diskOf(module)).toMatchObject({
      entries: 50,
      evictions: 0,
      droppedWrites: 0,
      fault: null,
    })
    expect(await module.stats()).toEqual({ ...NO_STATS, puts: 50, hits: 50 })
  })

  test("is served from the disk after a restart", async () => {
    const path = newPath()
    const puts = Array.from({ length: 50 }, (_, n): Put => ({ path: `/${n}`, body: bodyAt(n) }))
    await putBefore(path, puts, { storage: storage(path) })
    const module = openIn("", { storage: storage(path) })
    for (let n = 0; n < 50; n++) expect(await bodyOf(module, url(`/${n}`))).toBe(bodyAt(n))
  })

  test("is purged as well, and counted", async () => {
    const module = openIn("", { storage: storage(newPath()) })
    for (let n = 0; n < 50; n++)
      await module.put(url(`/${n}`), new Response(bodyAt(n)), { tags: ["t"] })
    expect(await module.delete(url("/0"))).toBe(true)
    expect(await module.purge({ tags: ["t"] })).toEqual({ purged: 49 })
    for (let n = 0; n < 50; n++) expect(await module.match(url(`/${n}`))).toBeUndefined()
  })
})

describe("after a restart, of seven entries that are only on disk,", () => {
  const PUTS: Put[] = [
    { path: "/a/1", body: "1", tags: ["odd", "all"] },
    { path: "/a/2", body: "2", tags: ["even", "all"] },
    { path: "/a/3", body: "3", tags: ["odd", "all"] },
    { path: "/b/4?x=1", body: "4", tags: ["even", "all"] },
    { path: "/b/5", body: "5", tags: ["odd", "all"], staleWhileRevalidateSeconds: 600 },
    { path: "/b/%F0%9F%91%8D", body: "6", tags: ["even", "ünïcode"] },
    { path: "/brief", body: "7", tags: ["odd", "all"], ttlSeconds: 1 },
  ]
  const PATHS = PUTS.map(({ path }) => path).filter((path) => path !== "/brief")

  test.each<[string, CachePurgeSelector, string[]]>([
    ["a tag", { tags: ["odd"] }, ["/a/1", "/a/3", "/b/5"]],
    ["two tags, which count each entry once", { tags: ["even", "all"] }, PATHS],
    ["a tag that none has", { tags: ["none"] }, []],
    ["no tag", { tags: [] }, []],
    ["a tag beyond ASCII", { tags: ["ünïcode"] }, ["/b/%F0%9F%91%8D"]],
    ["a URL's prefix", { prefix: url("/a/") }, ["/a/1", "/a/2", "/a/3"]],
    ["a path's prefix", { prefix: "/b/" }, ["/b/4?x=1", "/b/5", "/b/%F0%9F%91%8D"]],
    ["another host's prefix", { prefix: "https://a.example/" }, []],
    ["a request", { request: url("/b/4?x=1") }, ["/b/4?x=1"]],
    ["a request of no entry", { request: url("/b/4") }, []],
    [
      "a request and a tag",
      { request: url("/a/2"), tags: ["odd"] },
      ["/a/1", "/a/2", "/a/3", "/b/5"],
    ],
    ["everything", { everything: true }, PATHS],
  ])(
    "a purge of %s removes the selected ones, and no purged entry comes back",
    async (_, selector, purgedPaths) => {
      const path = newPath()
      await putBefore(path, PUTS, { ttlSeconds: 600 })
      setClock(1)
      const module = openIn(path)
      expect(await module.purge(selector)).toEqual({ purged: purgedPaths.length })
      const remaining = async (module = openIn(path)) => {
        const found = await Promise.all(
          PATHS.map(async (path) => ((await module.match(url(path))) ? path : undefined)),
        )
        return found.filter((path) => path !== undefined)
      }
      const remainingPaths = PATHS.filter((path) => !purgedPaths.includes(path))
      expect(await remaining(module)).toEqual(remainingPaths)
      expect((await module.stats()).purges).toBe(purgedPaths.length)
      await module.close()
      expect(await remaining()).toEqual(remainingPaths)
    },
  )

  test("a soft purge makes those with a stale window stale and removes the others", async () => {
    const path = newPath()
    await putBefore(path, PUTS, { ttlSeconds: 600 })
    setClock(2)
    const module = openIn(path)
    expect(await module.purge({ tags: ["all"], soft: true })).toEqual({ purged: 5 })
    await module.close()
    const after = openIn(path)
    expect(await after.match(url("/a/1"))).toBeUndefined()
    expect(await after.match(url("/b/5"))).toBeUndefined()
    expect((await after.match(url("/b/5")))?.headers.get("cache-status")).toMatch(
      /; hit; .*detail=stale$/,
    )
    expect(await bodyOf(after, url("/b/%F0%9F%91%8D"))).toBe("6")
    expect((await diskOf(after)).entries).toBe(2)
  })

  test("a delete finds and removes one, once", async () => {
    const path = newPath()
    await putBefore(path, PUTS, { ttlSeconds: 600 })
    setClock(1)
    const module = openIn(path)
    expect(await module.delete(url("/a/1"))).toBe(true)
    expect(await module.delete(url("/a/1"))).toBe(false)
    expect(await module.delete(url("/brief"))).toBe(false)
    expect(await module.stats()).toEqual({ ...NO_STATS, puts: 7, deletes: 3 })
    await module.close()
    expect(await openIn(path).match(url("/a/1"))).toBeUndefined()
  })
})

describe("entries are on disk", () => {
  /** Ways in which a process ends after a put. */
  const ENDS: [string, (context: ChildContext) => unknown][] = [
    ["of its own accord", () => process.disconnect()],
    ["by process.exit()", () => process.exit()],
    ["by process.exit(1)", () => process.exit(1)],
  ]

  test.each(ENDS)("when the process ends %s", async (_, end) => {
    const path = newPath()
    const child = new Child()
    await child.run(async ({ cache }, path) => {
      const shop = cache({ name: "shop", ttlSeconds: 600, storage: { path } })
      for (let n = 0; n < 500; n++)
        await shop.put(`https://api.example.com/${n}`, new Response(`${n}`))
    }, path)
    // The process ends before it replies.
    void child.run(end).catch(() => {})
    await child.ended()
    jest.useRealTimers()
    const module = openIn(path)
    expect((await diskOf(module)).entries).toBe(500)
    for (const n of [0, 250, 499]) expect(await bodyOf(module, url(`/${n}`))).toBe(`${n}`)
    expect((await module.stats()).puts).toBe(500)
  })

  test("when close() has resolved, even if the process is killed at that moment", async () => {
    const path = newPath()
    const child = new Child()
    const closed = await child
      .run(async ({ cache }, path) => {
        const shop = cache({ name: "shop", ttlSeconds: 600, storage: { path } })
        for (let n = 0; n < 500; n++)
          await shop.put(`https://api.example.com/${n}`, new Response(`${n}`))
        await shop.close()
        process.kill(process.pid, "SIGKILL")
      }, path)
      .catch(({ message }: Error) => message)
    expect(closed).toBe("the process has ended")
    await child.ended()
    jest.useRealTimers()
    const module = openIn(path)
    expect((await diskOf(module)).entries).toBe(500)
    expect((await module.stats()).puts).toBe(500)
  })

  test("when close() has resolved of one of two declarations", async () => {
    const path = newPath()
    const child = new Child()
    await child.run(async ({ cache }, path) => {
      const options = { name: "shop", ttlSeconds: 600, storage: { path } }
      const [one, two] = [cache(options), cache(options)]
      await one.put("https://api.example.com/", new Response("kept"))
      await two.close()
    }, path)
    await child.killed()
    jest.useRealTimers()
    expect(await bodyOf(openIn(path), url("/"))).toBe("kept")
  })
})

describe("removed entries stay removed, even if the process is killed at that moment:", () => {
  test.each<[string, CachePurgeSelector | string]>([
    ["by delete", url("/1")],
    ["by request", { request: url("/1") }],
    ["by tag", { tags: ["t1"] }],
    ["by prefix", { prefix: url("/1") }],
    ["by everything", { everything: true }],
  ])("%s", async (_, removal) => {
    const path = newPath()
    await putBefore(path, [
      { path: "/1", body: "1", tags: ["t1"], ttlSeconds: 600 },
      { path: "/2", body: "2", tags: ["t2"], ttlSeconds: 600 },
    ])
    const child = new Child()
    const remove = async (
      { cache }: ChildContext,
      path: string,
      now: number,
      removal: CachePurgeSelector | string,
    ) => {
      Date.now = () => now
      const shop = cache({ name: "shop", storage: { path } })
      if (typeof removal === "string") await shop.delete(removal)
      else await shop.purge(removal)
      process.kill(process.pid, "SIGKILL")
    }
    await child.run(remove, path, START, removal).catch(() => {})
    await child.ended()
    const module = openIn(path)
    expect(await module.match(url("/1"))).toBeUndefined()
    const isAll = typeof removal === "object" && removal.everything === true
    expect(await bodyOf(module, url("/2"))).toBe(isAll ? undefined : "2")
  })

  test("an entry that was put just before and may not be written yet", async () => {
    const path = newPath()
    const child = new Child()
    await child
      .run(async ({ cache }, path) => {
        const shop = cache({ name: "shop", storage: { path }, ttlSeconds: 600 })
        await shop.put("https://api.example.com/", new Response("gone"), { tags: ["t"] })
        await shop.purge({ tags: ["t"] })
        process.kill(process.pid, "SIGKILL")
      }, path)
      .catch(() => {})
    await child.ended()
    jest.useRealTimers()
    expect(await openIn(path).match(url("/"))).toBeUndefined()
  })
})

test("concurrent matches find all entries on disk, even if memory is too small for them", async () => {
  const path = newPath()
  const module = openIn(path, {
    storage: { path, memory: { maxBytes: 20_000, maxEntryBytes: 20_000 } },
  })
  const paths = Array.from({ length: 60 }, (_, n) => `/${n}`)
  for (const path of paths) await module.put(url(path), new Response(path.padEnd(1_000)))
  const found = await Promise.all(paths.map((path) => bodyOf(module, url(path))))
  expect((await diskOf(module)).fault).toBeNull()
  expect(found).toEqual(paths.map((path) => path.padEnd(1_000)))
  expect(await module.stats()).toEqual({ ...NO_STATS, hits: paths.length, puts: paths.length })
})

describe("of variants that are only partly in memory,", () => {
  const variant = (name: string, value: string) =>
    new Response(`${name} ${value}`.padEnd(4_000), { headers: { vary: name } })
  const requestForBoth = () => get("/v", { "x-a": "1", "x-b": "1" })

  /** Stores two variants that both match a request; the first is only on disk. */
  async function twoVariants() {
    const path = newPath()
    const module = openIn(path, {
      storage: { path, memory: { maxBytes: 12_000, maxEntryBytes: 12_000 } },
    })
    await module.put(requestForBoth(), variant("x-a", "1"))
    setClock(1)
    await module.put(requestForBoth(), variant("x-b", "1"))
    return module
  }

  test("the one that was put last is found, whichever was loaded last", async () => {
    const module = await twoVariants()
    for (let n = 0; n < 4; n++) {
      expect((await bodyOf(module, requestForBoth()))?.trim()).toBe("x-b 1")
      await module.match(get("/v", { "x-a": "1", "x-b": `other ${n}` }))
    }
  })

  test("a delete removes the one that a match would have found, and leaves the others", async () => {
    const module = await twoVariants()
    for (let n = 0; n < 4; n++)
      await module.put(url(`/filler/${n}`), new Response("f".repeat(4_000)))
    expect(await module.delete(requestForBoth())).toBe(true)
    expect((await bodyOf(module, requestForBoth()))?.trim()).toBe("x-a 1")
    expect(await module.delete(requestForBoth())).toBe(true)
    expect(await module.match(requestForBoth())).toBeUndefined()
    expect(await module.delete(requestForBoth())).toBe(false)
  })
})

test.each<[Record<string, string>]>([[{ "x-a": "1" }], [{}]])(
  "a delete removes an entry that is only on disk if it varies by fields that the request %j lacks",
  async (headers) => {
    const path = newPath()
    const before = openIn(path)
    await before.put(get("/v", headers), new Response("v", { headers: { vary: "x-a, x-zz" } }))
    await before.close()
    const module = openIn(path)
    expect(await module.delete(get("/v", { ...headers, "x-zz": "2" }))).toBe(false)
    expect(await module.delete(get("/v", headers))).toBe(true)
    expect(await module.match(get("/v", headers))).toBeUndefined()
  },
)

test("a delete applies to the time of its call: a later put is not removed", async () => {
  const module = openIn(newPath())
  await module.put(url("/a"), new Response("old"))
  const deleted = module.delete(url("/a"))
  await module.put(url("/a"), new Response("new"))
  expect(await deleted).toBe(true)
  expect(await bodyOf(module, url("/a"))).toBe("new")
})

describe("requests that wait for the disk together each get their own response", () => {
  const PATHS = Array.from({ length: 50 }, (_, n) => `/${n}`)

  async function storedOnDisk(): Promise<CacheModule> {
    const path = newPath()
    const before = openIn(path)
    for (const [n, page] of PATHS.entries()) {
      const response = new Response(page.repeat(n + 1), { status: n % 2 === 0 ? 200 : 404 })
      await before.put(url(page), response)
    }
    await before.close()
    return openIn(path)
  }

  test("by match", async () => {
    const module = await storedOnDisk()
    const found = PATHS.map(async (page) => {
      const response = await module.match(url(page))
      return [response?.status, await response?.text()]
    })
    expect(await Promise.all(found)).toEqual(
      PATHS.map((page, n) => [n % 2 === 0 ? 200 : 404, page.repeat(n + 1)]),
    )
  })

  test("by a wrapped handler, and those without an entry run the handler", async () => {
    const module = await storedOnDisk()
    const runs: string[] = []
    const handler = module.wrap(async ({ url }) => {
      runs.push(new URL(url).pathname)
      return new Response(`built ${new URL(url).pathname}`)
    })
    const paths = PATHS.flatMap((page) => [page, `/absent${page}`])
    const bodies = paths.map(async (page) => (await handler(get(page))).text())
    const absent = paths.filter((page) => page.startsWith("/absent"))
    expect(await Promise.all(bodies)).toEqual(
      paths.map((page) =>
        absent.includes(page) ? `built ${page}` : page.repeat(Number(page.slice(1)) + 1),
      ),
    )
    expect(runs.sort()).toEqual(absent.sort())
  })
})

test("a match that waits for the disk when the cache is closed is a miss", async () => {
  const module = openIn(newPath())
  const pendingMatch = module.match(url("/a"))
  const closed = module.close()
  expect(await pendingMatch).toBeUndefined()
  await closed
})

test("entries queued for the disk at the end of a process are written, even if close() was not awaited", async () => {
  const path = newPath()
  await runInProcess(
    async ({ cache }, path, origin) => {
      const shop = cache({ name: "shop", storage: { path } })
      for (let n = 0; n < 100; n++)
        await shop.put(`${origin}/${n}`, new Response("a".repeat(100_000)))
      void shop.close()
      setImmediate(() => process.exit())
    },
    path,
    ORIGIN,
  ).catch(() => {})
  const module = openIn(path)
  expect((await diskOf(module)).entries).toBe(100)
})
