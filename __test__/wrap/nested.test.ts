import { backend } from "@layeron/core"
import type { CacheModule } from "@layeron/modules"
import { bodyOf, freshCache, get, refusals, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  counts,
  endTest,
  PATH,
  POLICY,
  TTL,
  waitUntilIdle,
  wrappedIn,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

/** Creates a backend whose gateway and route use the same instance. */
function gatewayAround(module: CacheModule, options = {}) {
  const inner = wrappedIn(module, (_, run) => new Response(`run ${run}`), options)
  const app = backend({ gateway: { cache: true } })
  app.use(module).get(PATH, (request) => inner.send(request))
  return { app, runs: inner.runs, send: () => app.fetch(get(PATH)) }
}

const COVERED = { rules: [{ path: "/*" }], ...POLICY }

describe("a route under the gateway whose handler is wrapped by the same instance", () => {
  test("answers a cold request with one run", async () => {
    const { send, runs } = gatewayAround(freshCache(COVERED))
    expect(await (await send()).text()).toBe("run 1")
    expect(await (await send()).text()).toBe("run 1")
    expect(runs()).toBe(1)
  })

  test("refreshes a stale entry from its handler and not from the entry", async () => {
    const { send, runs } = gatewayAround(freshCache(COVERED))
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(await (await send()).text()).toBe("run 1")
    await waitUntilIdle()
    expect(await (await send()).text()).toBe("run 2")
    expect(runs()).toBe(2)
  })

  test("stores the tags of both, and the lifetime of the inner one if the outer one has none", async () => {
    const module = freshCache({ rules: [{ path: "/*", tags: ["outer"] }] })
    const options = { ttlSeconds: 7, staleWhileRevalidateSeconds: 8, tags: () => ["inner"] }
    const { send } = gatewayAround(module, options)
    expect((await send()).headers.get("cache-status")).toContain("stored; ttl=7")
    const { entry } = await module.explain(AT)
    expect(entry).toMatchObject({ lifetimeSeconds: 7, staleWindowLeftSeconds: 8 })
    expect(entry?.tags).toEqual(["inner", "outer"])
    expect(await module.purge({ tags: ["inner"] })).toEqual({ purged: 1 })
  })

  test("stores nothing if the inner one refuses to", async () => {
    const module = freshCache(COVERED)
    const { send } = gatewayAround(module, { shouldStore: () => false })
    await (await send()).text()
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await refusals(module)).toEqual({ "should-store": 1 })
  })

  test("stores the response of a second run even if the inner one refuses that of the first", async () => {
    const module = freshCache({ rules: [{ path: "/*", ttlSeconds: TTL }] })
    const answers = [
      new Response("old", { headers: { etag: '"1"' } }),
      new Response(null, { status: 304, headers: { etag: '"2"' } }),
      new Response("new", { headers: { etag: '"2"' } }),
    ]
    const inner = wrappedIn(module, (_, run) => answers[run - 1] as Response, {
      shouldStore: (_, { status }) => status !== 304,
    })
    const outer = wrappedIn(module, inner.send)
    await (await outer.send()).text()
    await advanceSeconds(TTL)
    expect(await (await outer.send()).text()).toBe("new")
    expect([inner.runs(), await bodyOf(module, AT)]).toEqual([3, "new"])
  })
})

describe("a wrapped handler inside a run", () => {
  test("for the same key runs directly, even for a request object of its own", async () => {
    const module = freshCache()
    const inner = wrappedIn(module, () => new Response("inner"), POLICY)
    const outer = wrappedIn(module, () => inner.send(new Request(AT)), POLICY)
    expect(await (await outer.send()).text()).toBe("inner")
    expect([inner.runs(), outer.runs()]).toEqual([1, 1])
    expect(await counts(module)).toEqual({ misses: 1, puts: 1 })
  })

  test("for the same key runs directly, at any depth", async () => {
    const module = freshCache()
    const third = wrappedIn(module, () => new Response("third"), POLICY)
    const second = wrappedIn(module, () => third.send(get("/other?2")), POLICY)
    const first = wrappedIn(module, () => second.send(get("/other?1")), POLICY)
    const outer = wrappedIn(module, () => first.send(get("/other?2")), POLICY)
    expect(await (await outer.send()).text()).toBe("third")
    expect(await counts(module)).toMatchObject({ misses: 3 })
    const cyclic = wrappedIn(
      module,
      async (request, run): Promise<Response> => {
        if (run === 3) return new Response("end")
        return cyclic.send(get(request.url.endsWith("a") ? "/b" : "/a"))
      },
      POLICY,
    )
    expect(await (await cyclic.send(get("/a"))).text()).toBe("end")
  })

  test("for the same key in a body that is still being written runs directly", async () => {
    const module = freshCache()
    const inner = wrappedIn(module, () => new Response("inner"), POLICY)
    async function* parts() {
      yield new TextEncoder().encode("outer of ")
      yield new Uint8Array(await (await inner.send()).arrayBuffer())
    }
    const outer = wrappedIn(
      module,
      () => new Response(ReadableStream.from(parts()) as unknown as ReadableStream<Uint8Array>),
      POLICY,
    )
    expect(await (await outer.send()).text()).toBe("outer of inner")
  })

  test("for a HEAD, inside the run of a GET for the same URL, runs directly", async () => {
    const module = freshCache()
    const inner = wrappedIn(module, () => new Response("x", { headers: { "x-a": "1" } }), POLICY)
    const outer = wrappedIn(
      module,
      async (request) => {
        const { headers } = await inner.send(new Request(request.url, { method: "HEAD" }))
        return new Response(headers.get("x-a"))
      },
      POLICY,
    )
    expect(await (await outer.send()).text()).toBe("1")
  })

  test("for another key, and of another instance, runs as usual", async () => {
    const module = freshCache()
    const elsewhere = wrappedIn(freshCache(), () => new Response("elsewhere"), POLICY)
    const other = wrappedIn(module, () => new Response("other"), POLICY)
    const outer = wrappedIn(
      module,
      async () => {
        const parts = [await elsewhere.send(), await other.send(get("/other"))]
        return new Response((await Promise.all(parts.map((part) => part.text()))).join(" "))
      },
      POLICY,
    )
    expect(await (await outer.send()).text()).toBe("elsewhere other")
    expect(await counts(module)).toEqual({ misses: 2, puts: 2 })
    expect(await counts(elsewhere.module)).toEqual({ misses: 1, puts: 1 })
  })

  test("runs as usual in work that continues after the run", async () => {
    const module = freshCache()
    let later: Promise<string> | undefined
    const outer = wrappedIn(
      module,
      async () => {
        later = new Promise((resolve) => {
          setTimeout(async () => resolve(await (await outer.send()).text()), 1_000)
        })
        return new Response(`run ${outer.runs()}`)
      },
      POLICY,
    )
    await (await outer.send()).text()
    await advanceSeconds(1)
    expect(await later).toBe("run 1")
    expect(await counts(module)).toMatchObject({ hits: 1, misses: 1 })
  })
})

describe("match() inside a background refresh", () => {
  test.each<[string, () => Request | string | URL]>([
    ["a string", () => AT],
    ["a URL", () => new URL(AT)],
    ["another Request", () => new Request(AT)],
  ])("finds nothing by %s for the key that is refreshed", async (_, request) => {
    const module = freshCache()
    const { send, runs } = wrappedIn(
      module,
      async (_, run) => (await module.match(request())) ?? new Response(`run ${run}`),
      POLICY,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(await (await send()).text()).toBe("run 1")
    await waitUntilIdle()
    expect(await (await send()).text()).toBe("run 2")
    expect(runs()).toBe(2)
  })

  test("finds the stored response for another key", async () => {
    const module = freshCache()
    await module.put(url("/other"), new Response("other"), { ttlSeconds: 600 })
    const { send } = wrappedIn(
      module,
      async () => new Response(await bodyOf(module, url("/other"))),
      POLICY,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    await (await send()).text()
    await waitUntilIdle()
    expect(await (await send()).text()).toBe("other")
  })
})
