import type { CacheModuleOptions, CacheWrapOptions } from "@layeron/modules"
import { errorOf, forbidden, freshCache, get, NO_STATS, refusals } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  counts,
  endTest,
  PATH,
  TTL,
  texts,
  type Wrapped,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

/**
 * Wraps a handler whose stored response is `age` seconds old, with a lifetime of one minute. It may
 * be served stale only if the request allows it.
 */
async function wrapperWithStored(
  age: number,
  headers: Record<string, string> = {},
): Promise<Wrapped> {
  const wrapper = wrapped((_, run) => new Response(`run ${run}`, { headers }), { ttlSeconds: TTL })
  await (await wrapper.send()).text()
  await advanceSeconds(age)
  return wrapper
}

const requestWith = (value: string, name = "cache-control") => get(PATH, { [name]: value })
const HIT = "run 1"
const RUN = "run 2"

// The effect of each directive is tested in http/directives.

test("a request with no-cache causes a validation of a response with a validator, which is counted", async () => {
  const { module, send, received } = wrapped(
    ({ headers }) =>
      headers.has("if-none-match")
        ? new Response(null, { status: 304 })
        : new Response("x", { headers: { etag: '"v"' } }),
    { ttlSeconds: TTL },
  )
  await (await send()).text()
  const response = await send(requestWith("no-cache"))
  expect([cacheStatusOf(response), await response.text()]).toEqual([
    "fwd=request; fwd-status=304; ttl=60",
    "x",
  ])
  expect(received[1]?.headers.get("if-none-match")).toBe('"v"')
  expect(await counts(module)).toEqual({ misses: 2, puts: 1, revalidations: 1 })
})

describe("a request that says only-if-cached", () => {
  test("gets a 504 if nothing is stored, and no handler is run", async () => {
    const { module, send, runs } = wrapped(() => new Response("x"), { ttlSeconds: TTL })
    const response = await send(requestWith("only-if-cached"))
    expect([response.status, response.statusText, response.body]).toEqual([
      504,
      "Gateway Timeout",
      null,
    ])
    expect([...response.headers]).toEqual([
      ["cache-status", `${module.identity}; detail=only-if-cached`],
    ])
    expect(runs()).toBe(0)
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 1 })
  })

  test("gets a 504 if the stored response may not be served, and during the run of another request", async () => {
    const expired = await wrapperWithStored(TTL)
    expect((await expired.send(requestWith("only-if-cached"))).status).toBe(504)
    expect(expired.runs()).toBe(1)

    const gate = deferred()
    const running = wrapped(
      async () => {
        await gate.promise
        return new Response("x")
      },
      { ttlSeconds: TTL },
    )
    const leader = running.send()
    expect((await running.send(requestWith("only-if-cached"))).status).toBe(504)
    gate.resolve()
    await (await leader).text()
    expect((await running.send(requestWith("only-if-cached"))).status).toBe(200)
  })

  test("with HEAD gets a response without a body", async () => {
    const wrapper = await wrapperWithStored(0)
    const headers = { "cache-control": "only-if-cached" }
    expect((await wrapper.send(new Request(AT, { method: "HEAD", headers }))).status).toBe(200)
    expect((await wrapper.send(new Request(`${AT}?2`, { method: "HEAD", headers }))).status).toBe(
      504,
    )
  })
})

describe("a request that says no-store", () => {
  test("prevents storing of the handler's response, and does not remove the stored one", async () => {
    const { module, send, runs } = wrapped((_, run) => new Response(`run ${run}`), {
      ttlSeconds: TTL,
    })
    expect(cacheStatusOf(await send(requestWith("no-store")))).toBe(
      "fwd=uri-miss; fwd-status=200; detail=request-no-store",
    )
    expect(await module.inspect()).toMatchObject({ entries: 0 })
    await (await send()).text()
    expect(await (await send(requestWith("no-store, no-cache"))).text()).toBe("run 3")
    expect(await (await send()).text()).toBe(RUN)
    expect(runs()).toBe(3)
    expect(await refusals(module)).toEqual({ "request-no-store": 2 })
  })
})

test.each<[string, Record<string, string>]>([
  ["no-store", { "cache-control": "no-store" }],
  ["Authorization", { authorization: "a" }],
])(
  "a request with %s, whose response is not stored, does not stop later refreshes of a stale response",
  async (_, headers) => {
    const options = { ttlSeconds: TTL, staleWhileRevalidateSeconds: 60 }
    const { send } = wrapped((_request, run) => new Response(`run ${run}`), options)
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(await (await send(get(PATH, headers))).text()).toBe(HIT)
    await waitUntilIdle()
    expect(await (await send()).text()).toBe(HIT)
    await waitUntilIdle()
    expect(await (await send()).text()).toMatch(/^run [23]$/)
  },
)

test("concurrent requests that demand validation share one run", async () => {
  const gate = deferred()
  const { send, runs } = wrapped(
    async (_, run) => {
      if (run > 1) await gate.promise
      return new Response(`run ${run}`)
    },
    { ttlSeconds: TTL },
  )
  await (await send()).text()
  const all = concurrently(100, () => send(requestWith("no-cache")))
  await waitUntilIdle()
  gate.resolve()
  expect(new Set(await texts(all))).toEqual(new Set([RUN]))
  expect(runs()).toBe(2)
})

describe('requestDirectives: "ignore"', () => {
  type Where = [string, CacheWrapOptions, Partial<CacheModuleOptions>]
  const ignored = { requestDirectives: "ignore" } as const
  const honoured = { requestDirectives: "honour" } as const

  test.each<Where>([
    ["wrap", ignored, {}],
    ["the rule", {}, { rules: [{ path: PATH, ...ignored }] }],
    ["the instance", {}, ignored],
    ["wrap before the rule", ignored, { rules: [{ path: PATH, ...honoured }] }],
    ["the rule before the instance", {}, { ...honoured, rules: [{ path: PATH, ...ignored }] }],
  ])("of %s ignores directives of requests", async (_name, options, declared) => {
    const wrapper = wrapped(
      (_, run) => new Response(`run ${run}`),
      { ttlSeconds: TTL, ...options },
      declared,
    )
    await (await wrapper.send()).text()
    await advanceSeconds(10)
    for (const value of ["no-cache", "max-age=0", "max-age=5", "min-fresh=55", "no-store"]) {
      expect(cacheStatusOf(await wrapper.send(requestWith(value)))).toBe("hit; ttl=50")
    }
    expect(cacheStatusOf(await wrapper.send(requestWith("no-cache", "pragma")))).toBe("hit; ttl=50")
    expect(wrapper.runs()).toBe(1)
  })

  test.each<Where>([
    ["wrap", honoured, ignored],
    ["the rule", {}, { ...ignored, rules: [{ path: PATH, ...honoured }] }],
  ])('is undone by the requestDirectives: "honour" of %s', async (_name, options, declared) => {
    const wrapper = wrapped(
      (_, run) => new Response(`run ${run}`),
      { ttlSeconds: TTL, ...options },
      declared,
    )
    await (await wrapper.send()).text()
    expect(await (await wrapper.send(requestWith("no-cache"))).text()).toBe(RUN)
  })

  test("ignores max-stale, and stores the response to a request with no-store", async () => {
    const wrapper = wrapped((_, run) => new Response(`run ${run}`), { ttlSeconds: TTL, ...ignored })
    expect(cacheStatusOf(await wrapper.send(requestWith("no-store")))).toBe(
      "fwd=uri-miss; fwd-status=200; stored; ttl=60",
    )
    await advanceSeconds(TTL)
    expect(cacheStatusOf(await wrapper.send(requestWith("max-stale")))).toBe(
      "fwd=stale; fwd-status=200; stored; ttl=60",
    )
  })

  test("lets requests with no-store wait for another run, and freshen the response that a 304 confirms", async () => {
    const headers = { etag: '"a"' }
    const wrapper = wrapped(
      async ({ headers: requestHeaders }) => {
        await waitUntilIdle()
        return requestHeaders.has("if-none-match")
          ? new Response(null, { status: 304, headers })
          : new Response("a", { headers })
      },
      { ttlSeconds: TTL, ...ignored },
    )
    await texts(concurrently(9, () => wrapper.send(requestWith("no-store"))))
    expect(wrapper.runs()).toBe(1)
    await advanceSeconds(TTL)
    expect(cacheStatusOf(await wrapper.send(requestWith("no-store")))).toBe(
      "fwd=stale; fwd-status=304; ttl=60",
    )
    expect(cacheStatusOf(await wrapper.send())).toBe("hit; ttl=60")
  })

  test("does not ignore only-if-cached", async () => {
    const wrapper = wrapped(() => new Response("a"), { ttlSeconds: TTL, ...ignored })
    expect((await wrapper.send(requestWith("only-if-cached, no-cache"))).status).toBe(504)
    await (await wrapper.send()).text()
    expect(cacheStatusOf(await wrapper.send(requestWith("only-if-cached, no-cache")))).toBe(
      "hit; ttl=60",
    )
    await advanceSeconds(TTL)
    expect((await wrapper.send(requestWith("only-if-cached, max-stale"))).status).toBe(504)
  })

  test("refuses other values, with the option's path", async () => {
    const requestDirectives = forbidden<"ignore">("honor")
    const paths: [string, () => unknown][] = [
      ["cache().requestDirectives", () => freshCache({ requestDirectives })],
      ["cache().rules[0].requestDirectives", () => freshCache({ rules: [{ requestDirectives }] })],
      [
        "wrap() options.requestDirectives",
        () => freshCache().wrap(() => new Response(), { requestDirectives }),
      ],
    ]
    for (const [path, call] of paths) {
      const error = await errorOf(call)
      expect(error).toBeInstanceOf(TypeError)
      expect([error.code, error.message]).toEqual([
        "LAYERON_INVALID_OPTION",
        expect.stringContaining(`${path} must be "honour" or "ignore"`),
      ])
    }
  })
})
