import type { CacheWrapOptions } from "@layeron/modules"
import { get, NO_STATS } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  collectWarnings,
  concurrently,
  countEach,
  counts,
  endTest,
  PATH,
  type TestHandler,
  TTL,
  texts,
  waitUntilIdle,
} from "../helpers/wrap"
import { throwingHandler, wrappedStale } from "../helpers/wrap-stale"

beforeEach(() => {
  stopTime()
  collectWarnings()
})
afterEach(async () => {
  await endTest()
  jest.restoreAllMocks()
})

const CALLERS = 100
const ERROR_WINDOW = 120
const NO_REFRESH = { staleWhileRevalidateSeconds: 0 }
const BY_OPTION: CacheWrapOptions = { ...NO_REFRESH, staleIfErrorSeconds: ERROR_WINDOW }
const BY_RESPONSE: CacheWrapOptions = {
  ttlSeconds: undefined,
  staleWhileRevalidateSeconds: undefined,
}

const respondingWith =
  (status: number): TestHandler =>
  () =>
    new Response("new", { status })
const control = (value: string) => ({ headers: { "cache-control": value } })
const OWN = control(`max-age=${TTL}, stale-if-error=${ERROR_WINDOW}`)

const FAILURES: [string, TestHandler, string][] = [
  ["throws", throwingHandler, ""],
  ...[500, 502, 503, 504].map((status): [string, TestHandler, string] => [
    `answers ${status}`,
    respondingWith(status),
    ` fwd-status=${status};`,
  ]),
]

describe("a stale response is served if the handler", () => {
  test.each(FAILURES)("%s, and the option allows it", async (_, next, expected) => {
    const { module, send, runs } = await wrappedStale(next, BY_OPTION, { past: 1 })
    const response = await send()
    expect(response.headers.get("cache-status")).toBe(
      `${module.identity}; fwd=stale;${expected} ttl=-1; detail=stale-if-error`,
    )
    expect([response.status, response.headers.get("age"), await response.text()]).toEqual([
      200,
      "61",
      "old",
    ])
    expect(runs()).toBe(2)
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 2, puts: 1 })
    expect(await counts(module)).toMatchObject({ staleIfErrorHits: 1 })
  })

  test.each(FAILURES)("%s, and the response itself allows it", async (_, next) => {
    const { send } = await wrappedStale(next, BY_RESPONSE, OWN)
    expect(await (await send()).text()).toBe("old")
  })

  test.each(FAILURES)("%s, up to the end of the window", async (_, next) => {
    const { send } = await wrappedStale(next, BY_OPTION, { past: ERROR_WINDOW - 0.001 })
    expect(await (await send()).text()).toBe("old")
  })

  test.each(FAILURES.filter(([shown]) => /throws|503/.test(shown)))(
    "%s, as a 304, a 206 and the response to HEAD",
    async (_, next, expected) => {
      const { send, runs } = await wrappedStale(next, BY_OPTION, { headers: { etag: '"v"' } })
      const requests = [
        get(PATH, { "if-none-match": '"v"' }),
        get(PATH, { range: "bytes=0-1" }),
        get(PATH, { range: "bytes=9-" }),
        new Request(AT, { method: "HEAD" }),
      ]
      const results: unknown[] = []
      for (const [index, request] of requests.entries()) {
        await advanceSeconds(2)
        const response = await send(request)
        expect(cacheStatusOf(response)).toBe(
          `fwd=stale;${expected} ttl=-${2 * index + 2}; detail=stale-if-error`,
        )
        results.push([response.status, await response.text()])
      }
      expect(results).toEqual([
        [304, ""],
        [206, "ol"],
        [416, ""],
        [200, ""],
      ])
      expect(runs()).toBe(5)
    },
  )

  test("fails once the window of stale-while-revalidate is over, too", async () => {
    const options = { staleWhileRevalidateSeconds: 10, staleIfErrorSeconds: ERROR_WINDOW }
    const { module, send, runs } = await wrappedStale(throwingHandler, options, { past: 9.999 })
    expect(cacheStatusOf(await send())).toBe("hit; ttl=-10; detail=stale")
    await waitUntilIdle()
    await advanceSeconds(0.001)
    expect(cacheStatusOf(await send())).toBe("hit; ttl=-10; detail=stale-if-error")
    await advanceSeconds(0.2)
    expect(cacheStatusOf(await send())).toBe("fwd=stale; ttl=-11; detail=stale-if-error")
    expect(runs()).toBe(3)
    expect(await counts(module)).toMatchObject({
      staleHits: 1,
      staleIfErrorHits: 2,
      failedRefreshes: 1,
    })
  })
})

describe("the caller gets the failure", () => {
  async function expectFailure(
    next: TestHandler,
    options: CacheWrapOptions,
    parts = {},
  ): Promise<void> {
    const { module, send } = await wrappedStale(next, options, parts)
    if (next === throwingHandler) await expect(send()).rejects.toThrow("down")
    else expect(await (await send()).text()).toBe("new")
    expect(await counts(module)).not.toHaveProperty("staleIfErrorHits")
  }

  test.each(FAILURES)("when the handler %s after the window", async (_, next) => {
    await expectFailure(next, BY_OPTION, { past: ERROR_WINDOW })
  })

  test.each(FAILURES)("if the handler %s and stale-if-error is not set", async (_, next) => {
    await expectFailure(next, NO_REFRESH, { headers: { etag: '"v"' } })
  })

  test.each(["must-revalidate", "proxy-revalidate", "no-cache"])(
    "if the response has %s, whatever the option and its other directives",
    async (directive) => {
      const value = `max-age=${TTL}, stale-if-error=${ERROR_WINDOW}, ${directive}`
      const parts = { headers: { ...control(value).headers, etag: '"v"' } }
      await expectFailure(
        throwingHandler,
        { ...BY_RESPONSE, staleIfErrorSeconds: ERROR_WINDOW },
        parts,
      )
      await expectFailure(
        respondingWith(503),
        { ...BY_RESPONSE, staleIfErrorSeconds: ERROR_WINDOW },
        parts,
      )
    },
  )

  test.each(["must-revalidate", "proxy-revalidate"])(
    "if the response has %s and its lifetime is configured",
    async (directive) => {
      await expectFailure(throwingHandler, BY_OPTION, control(`max-age=1, ${directive}`))
    },
  )

  test("if a request demands validation of a fresh response, and stale-if-error is not set", async () => {
    const forced = () => get(PATH, { "cache-control": "no-cache" })
    const thrown = await wrappedStale(throwingHandler, NO_REFRESH, { past: -30 })
    await expect(thrown.send(forced())).rejects.toThrow("down")
    const answered = await wrappedStale(respondingWith(503), NO_REFRESH, { past: -30 })
    expect((await answered.send(forced())).status).toBe(503)
  })
})

describe("100 concurrent callers of a failing handler", () => {
  test.each(FAILURES)(
    "that %s make one run, and all callers until 200 ms later get the stale response",
    async (_, next) => {
      const { module, send, runs } = await wrappedStale(next, BY_OPTION)
      const all = concurrently(CALLERS, () => send())
      expect(countEach(await texts(all))).toEqual({ old: CALLERS })
      const described = (await Promise.all(all)).map((response) =>
        cacheStatusOf(response)?.replace(/ fwd-status=\d+;/, ""),
      )
      expect(countEach(described)).toEqual({
        "fwd=stale; ttl=0; detail=stale-if-error": 1,
        "hit; ttl=0; detail=stale-if-error": CALLERS - 1,
      })
      expect(runs()).toBe(2)
      await advanceSeconds(0.199)
      expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ old: CALLERS })
      expect(runs()).toBe(2)
      await advanceSeconds(0.001)
      expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ old: CALLERS })
      expect(runs()).toBe(3)
      expect(await counts(module)).toEqual({
        misses: 1 + 3 * CALLERS,
        puts: 1,
        staleIfErrorHits: 3 * CALLERS,
      })
    },
  )

  test("get the new response when there is one", async () => {
    const { send } = await wrappedStale(
      (request, run) => (run === 2 ? throwingHandler(request, run) : new Response("new")),
      BY_OPTION,
    )
    expect(await (await send()).text()).toBe("old")
    await advanceSeconds(0.2)
    expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ new: CALLERS })
  })
})
