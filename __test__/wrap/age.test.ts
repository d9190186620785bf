import type { CacheWrapOptions } from "@layeron/modules"
import { httpDate, setClock, stopTime } from "../helpers/clock"
import { advanceSeconds, cacheStatusOf, endTest, type TestHandler, wrapped } from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const HANDLER_SECONDS = 5

/** Wraps a handler that takes 5 s per response; `send` resolves to what the caller receives. */
function slowWrapper(respond: TestHandler, options?: CacheWrapOptions) {
  const wrapper = wrapped(async (request, run) => {
    await new Promise((resolve) => setTimeout(resolve, HANDLER_SECONDS * 1000))
    return respond(request, run)
  }, options)
  const send = async () => {
    const pendingResponse = wrapper.send()
    await advanceSeconds(HANDLER_SECONDS)
    const response = await pendingResponse
    return [response.headers.get("age"), cacheStatusOf(response), await response.text()]
  }
  return { ...wrapper, send }
}

describe("the run time of a handler", () => {
  test.each<[string, Record<string, string>, CacheWrapOptions]>([
    ["a configured lifetime", {}, { ttlSeconds: 1 }],
    ["a lifetime of the response", { "cache-control": "max-age=1" }, {}],
    ["an Age that is no number", { "cache-control": "max-age=1", age: "x" }, {}],
    ["a Date that is no date", { "cache-control": "max-age=1", date: "now" }, {}],
  ])("does not shorten %s", async (_name, headers, options) => {
    const { send, runs } = slowWrapper(() => new Response("a", { headers }), options)
    expect((await send())[1]).toBe("fwd=uri-miss; fwd-status=200; stored; ttl=1")
    setClock(HANDLER_SECONDS + 0.999)
    expect(await send()).toEqual(["0", "hit; ttl=0", "a"])
    expect(runs()).toBe(1)
  })

  test.each<[string, Record<string, string>]>([
    ["Date", { date: httpDate(0) }],
    ["Age", { age: "0" }],
  ])(
    "is part of the age if the response has its own %s (RFC 9111, section 4.2.3)",
    async (_name, own) => {
      const headers = { "cache-control": "max-age=60", ...own }
      const { send } = slowWrapper(() => new Response("a", { headers }))
      expect(await send()).toEqual([
        own.age ?? null,
        "fwd=uri-miss; fwd-status=200; stored; ttl=55",
        "a",
      ])
    },
  )

  test.each([
    ["does not shorten the lifetime that a 304 without Date begins", {}, 10],
    [
      "shortens the lifetime that a 304 with a Date begins",
      { date: httpDate(20 + HANDLER_SECONDS) },
      5,
    ],
  ])("%s", async (_name, own, ttl) => {
    const headers = { "cache-control": "max-age=10", etag: '"a"' }
    const { send } = slowWrapper(({ headers: requestHeaders }) => {
      if (!requestHeaders.has("if-none-match")) return new Response("a", { headers })
      return new Response(null, { status: 304, headers: { ...headers, ...own } })
    })
    await send()
    setClock(20)
    const confirmed = await send()
    expect(confirmed[1]).toBe(`fwd=stale; fwd-status=304; ttl=${ttl}`)
  })
})
