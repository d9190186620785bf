import { get, refusals } from "../helpers/cache"
import { httpDate, stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endTest,
  PATH,
  type TestHandler,
  TTL,
  texts,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 100
const MODIFIED = httpDate(-3600)
const OPTIONS = { ttlSeconds: TTL }

/**
 * Creates a handler that responds with a validator, and to a request with it by a 304 with
 * `headers`.
 */
function validatingHandler(
  validator: Record<string, string>,
  headers: Record<string, string> = {},
): TestHandler {
  return (request, run) => {
    const etag = request.headers.get("if-none-match")
    const since = request.headers.get("if-modified-since")
    const matches = etag === null ? since === validator["last-modified"] : etag === validator.etag
    return (etag !== null || since !== null) && matches
      ? new Response(null, { status: 304, headers: { "x-run": `${run}`, ...headers } })
      : new Response("body", {
          headers: { "x-run": `${run}`, "content-type": "text/plain", ...validator },
        })
  }
}

describe("a stale response that the handler confirms by a 304", () => {
  test.each<[string, Record<string, string>]>([
    ["strong entity tag", { etag: '"v1"' }],
    ["weak entity tag", { etag: 'W/"v1"' }],
    ["modification date", { "last-modified": MODIFIED }],
  ])("by its %s is served with the fields of the 304 and fresh again", async (_, validator) => {
    const { module, send, runs } = wrapped(validatingHandler(validator), OPTIONS)
    await (await send()).text()
    await advanceSeconds(TTL + 5)
    const validated = await send()
    expect([validated.status, await validated.text(), validated.headers.get("x-run")]).toEqual([
      200,
      "body",
      "2",
    ])
    expect(validated.headers.get("content-type")).toBe("text/plain")
    expect(validated.headers.get("cache-status")).toBe(
      `${module.identity}; fwd=stale; fwd-status=304; ttl=60`,
    )
    await advanceSeconds(TTL - 0.001)
    const hit = await send()
    expect([cacheStatusOf(hit), hit.headers.get("x-run"), await hit.text()]).toEqual([
      "hit; ttl=0",
      "2",
      "body",
    ])
    expect(runs()).toBe(2)
    expect(await counts(module)).toEqual({ hits: 1, misses: 2, puts: 1, revalidations: 1 })
  })

  test("keeps its tags and gets those of the 304, and its length, coding and cookies are not the 304's", async () => {
    const later = {
      "cache-tag": "b",
      "content-length": "0",
      "content-encoding": "br",
      "set-cookie": "a=b",
      etag: '"v1"',
    }
    const { module, send } = wrapped(
      validatingHandler({ etag: '"v1"', "cache-tag": "a" }, later),
      OPTIONS,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    await (await send()).text()
    const { headers } = await send()
    for (const name of ["content-length", "content-encoding", "set-cookie", "cache-tag"]) {
      expect([name, headers.get(name)]).toEqual([name, null])
    }
    expect((await module.explain(AT)).entry?.tags).toEqual(["a", "b"])
    expect(await module.purge({ tags: ["a"] })).toEqual({ purged: 1 })
  })

  test("has the lifetime of the 304, if the response's own lifetime applies", async () => {
    const first = { etag: '"v1"', "cache-control": "max-age=60" }
    const { send, runs } = wrapped(validatingHandler(first, { "cache-control": "max-age=7" }))
    await (await send()).text()
    await advanceSeconds(60)
    expect(cacheStatusOf(await send())).toBe("fwd=stale; fwd-status=304; ttl=7")
    await advanceSeconds(7)
    expect(cacheStatusOf(await send())).toBe("fwd=stale; fwd-status=304; ttl=7")
    expect(runs()).toBe(3)
  })

  test("is no longer stored if the 304 has private, and is still sent to the caller", async () => {
    const { module, send } = wrapped(
      validatingHandler({ etag: '"v1"' }, { "cache-control": "private" }),
      OPTIONS,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(await (await send()).text()).toBe("body")
    expect(await module.inspect()).toMatchObject({ entries: 0 })
  })

  test("is sent to 100 callers after one run", async () => {
    const { module, send, runs } = wrapped(
      async (request, run) => validatingHandler({ etag: '"v1"' })(request, run),
      OPTIONS,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ body: CALLERS })
    expect(runs()).toBe(2)
    expect(await counts(module)).toMatchObject({ misses: 1 + CALLERS, revalidations: 1 })
  })

  test("has the stale window refreshed by a 304 in the background", async () => {
    const options = { ...OPTIONS, staleWhileRevalidateSeconds: 60 }
    const { module, send } = wrapped(validatingHandler({ etag: '"v1"' }), options)
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(cacheStatusOf(await send())).toBe("hit; ttl=0; detail=stale")
    await advanceSeconds(0)
    expect(cacheStatusOf(await send())).toBe("hit; ttl=60")
    expect(await counts(module)).toMatchObject({ puts: 1, revalidations: 1 })
  })

  test.each<[string, Record<string, string>, number]>([
    ["the entity tag that is stored", { "if-none-match": '"v1"' }, 304],
    ["another entity tag", { "if-none-match": '"mine"' }, 200],
    ["a range", { range: "bytes=1-2" }, 206],
  ])("is compared with the caller's own condition, for %s", async (_, headers, status) => {
    const { send, received } = wrapped(validatingHandler({ etag: '"v1"' }), OPTIONS)
    await (await send()).text()
    await advanceSeconds(TTL)
    const response = await send(get(PATH, headers))
    expect(received[1]?.headers.get("if-none-match")).toBe('"v1"')
    expect([response.status, cacheStatusOf(response)]).toEqual([
      status,
      "fwd=stale; fwd-status=304; ttl=60",
    ])
  })

  test("is the only variant freshened, even if others have the same strong entity tag", async () => {
    const etag = '"v1"'
    const { module, send } = wrapped(({ headers }) => {
      if (headers.has("if-none-match"))
        return new Response(null, { status: 304, headers: { etag } })
      return new Response(headers.get("x-a"), { headers: { etag, vary: "x-a" } })
    }, OPTIONS)
    const of = (name: string) => send(get(PATH, { "x-a": name }))
    await texts([of("1"), of("2")])
    await advanceSeconds(TTL)
    for (const name of ["1", "2"]) {
      const response = await of(name)
      expect([cacheStatusOf(response), await response.text()]).toEqual([
        "fwd=stale; fwd-status=304; ttl=60",
        name,
      ])
    }
    expect(await counts(module)).toMatchObject({ puts: 2, revalidations: 2 })
  })
})

describe("a stale response that the handler replaces", () => {
  test("is removed, and the new one is stored", async () => {
    const { module, send } = wrapped(
      (_, run) => new Response(`run ${run}`, { headers: { etag: `"v${run}"` } }),
      OPTIONS,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    const response = await send()
    expect([cacheStatusOf(response), await response.text()]).toEqual([
      "fwd=stale; fwd-status=200; stored; ttl=60",
      "run 2",
    ])
    expect(await module.inspect()).toMatchObject({ entries: 1, revalidations: 0 })
    expect(await (await send()).text()).toBe("run 2")
  })

  test("is removed if the new one is not stored", async () => {
    const { module, send } = wrapped((_, run) => {
      const headers = { etag: '"v"', "cache-control": run === 1 ? "public" : "private" }
      return new Response(`run ${run}`, { headers })
    }, OPTIONS)
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(await (await send()).text()).toBe("run 2")
    expect(await module.inspect()).toMatchObject({ entries: 0 })
    expect(await refusals(module)).toEqual({ private: 1 })
  })

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ["entity tag", { etag: '"v1"' }, { etag: '"v2"' }],
    ["modification date", { "last-modified": MODIFIED }, { "last-modified": httpDate(-60) }],
  ])(
    "with a 304 of another %s is not served: the handler is run again without conditions",
    async (_, old, other) => {
      const { module, send, runs, received } = wrapped((_request, run) => {
        if (run === 2) return new Response(null, { status: 304, headers: other })
        return new Response(`run ${run}`, { headers: run === 1 ? old : other })
      }, OPTIONS)
      await (await send()).text()
      await advanceSeconds(TTL)
      const response = await send(get(PATH, { "x-a": "1" }))
      expect([cacheStatusOf(response), await response.text()]).toEqual([
        "fwd=stale; fwd-status=200; stored; ttl=60",
        "run 3",
      ])
      expect(runs()).toBe(3)
      expect([...(received[2] as Request).headers]).toEqual([["x-a", "1"]])
      expect(await counts(module)).toEqual({ misses: 2, puts: 2 })
    },
  )
})

test("a response with no-cache is validated for each request", async () => {
  const headers = { etag: '"v1"', "cache-control": "no-cache" }
  const { module, send, runs } = wrapped(
    validatingHandler(headers, { "cache-control": "no-cache" }),
  )
  const first = await send()
  expect([cacheStatusOf(first), await first.text()]).toEqual([
    "fwd=uri-miss; fwd-status=200; stored; ttl=0",
    "body",
  ])
  for (let call = 2; call <= 4; call++) {
    const response = await send()
    expect([cacheStatusOf(response), await response.text()]).toEqual([
      "fwd=stale; fwd-status=304; ttl=0; detail=stale",
      "body",
    ])
    expect(runs()).toBe(call)
  }
  expect(await module.match(AT)).toBeUndefined()
  expect(await counts(module)).toEqual({ misses: 5, puts: 1, revalidations: 3 })
})
