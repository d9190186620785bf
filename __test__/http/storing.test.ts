import { stopDate } from "../helpers/clock"
import {
  AT,
  answerWithControl,
  cacheStatusOf,
  datedAnswer,
  receivedConditions,
  requestCount,
  summaryOf,
  withCache,
} from "../helpers/proxy-cache"
import type { AnswerParts } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

type Fields = NonNullable<AnswerParts["fields"]>

const MINUTE = { "Cache-Control": "max-age=60" }

/**
 * Expects a response to be stored, or refused for `reason`, by the `Cache-Status` of two requests
 * for it.
 */
async function expectStored(
  reason: string | undefined,
  parts: AnswerParts,
  fields: Fields = {},
): Promise<void> {
  await withCache(async ({ proxy, origin }) => {
    const { status = 200, body = "text" } = parts
    origin.script(AT, [datedAnswer({ body, ...parts }), datedAnswer({ body: "asked again" })])
    const [first, second] = [await proxy.get(AT, fields), await proxy.get(AT)]
    const outcome = reason === undefined ? "stored; ttl=60" : `detail=${reason}`
    expect(summaryOf(first)).toBe(
      `${status} ${body} (fwd=uri-miss; fwd-status=${status}; ${outcome})`,
    )
    const next = "200 asked again (fwd=uri-miss; fwd-status=200; detail=no-freshness)"
    expect(summaryOf(second)).toBe(reason === undefined ? `${status} ${body} (hit; ttl=60)` : next)
    expect(requestCount(origin)).toBe(reason === undefined ? 1 : 2)
  })
}

describe("a response that a shared cache must not store is not stored:", () => {
  test.each<[string, Fields, string]>([
    ["no-store", { "Cache-Control": "max-age=60, no-store" }, "no-store"],
    [
      "no-store in any case, on another line",
      { "Cache-Control": ["max-age=60", "No-Store"] },
      "no-store",
    ],
    ["no-store with a value", { "Cache-Control": "max-age=60, no-store=x" }, "no-store"],
    ["private", { "Cache-Control": "private, max-age=60" }, "private"],
    ["private and public", { "Cache-Control": "public, private, max-age=60" }, "private"],
    ["private that names no field", { "Cache-Control": 'max-age=60, private=""' }, "private"],
    [
      "private once with and once without names",
      { "Cache-Control": 'private="x-a", private, max-age=60' },
      "private",
    ],
    ["no-cache without a validator", { "Cache-Control": "no-cache, max-age=60" }, "no-cache"],
    ["Set-Cookie", { ...MINUTE, "Set-Cookie": ["a=1", "b=2"] }, "set-cookie"],
    [
      "Set-Cookie that no-cache names",
      { "Cache-Control": 'max-age=60, no-cache="set-cookie"', "Set-Cookie": "a=1" },
      "set-cookie",
    ],
    ["Vary: *", { ...MINUTE, Vary: "*" }, "vary"],
    ["Vary: * among others", { ...MINUTE, Vary: ["Accept", "*"] }, "vary"],
    ["Vary with what is no name", { ...MINUTE, Vary: "Accept Language" }, "vary"],
    [
      "an event stream",
      { ...MINUTE, "Content-Type": "Text/Event-Stream; charset=utf-8" },
      "event-stream",
    ],
    ["no lifetime", { "Cache-Control": "public" }, "no-freshness"],
    ["a lifetime of nothing", { "Cache-Control": "max-age=0" }, "expired"],
  ])("%s", (_name, fields, reason) => expectStored(reason, { fields }))
})

describe("a status", () => {
  const last = [
    200, 201, 202, 203, 204, 226, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414,
    417,
  ]
  const beyond = [418, 429, 451, 499, 500, 501, 502, 503, 504, 511, 599, 600, 750, 999]

  test.each([...last, ...beyond])("%d is stored if the response declares a lifetime", (status) =>
    expectStored(undefined, { status, fields: MINUTE, body: status === 204 ? "" : "text" }),
  )

  test.each([
    [206, "partial-content"],
    [304, "status"],
  ])("%d is not stored, whatever the response declares", async (status, reason) => {
    await expectStored(reason, { status, fields: MINUTE, body: status === 304 ? "" : "part" })
  })

  test.each<[number, string, string | undefined]>([
    [200, "must-understand, no-store, max-age=60", undefined],
    [404, "must-understand, no-store, max-age=60", undefined],
    [200, "must-understand, max-age=60", undefined],
    [599, "must-understand, no-store, max-age=60", "status"],
    [999, "must-understand, max-age=60", "status"],
    [200, "must-understand, no-store, private, max-age=60", "private"],
  ])("%d with %s", (status, control, reason) =>
    expectStored(reason, { status, fields: { "Cache-Control": control } }),
  )
})

describe("fields that private or no-cache names", () => {
  test.each<[string, string, string[]]>([
    ["private in a string", 'max-age=60, private="X-User, x-trace"', ["X-User", "X-Trace"]],
    ["private as a token", "max-age=60, private=x-user", ["X-User"]],
    ["private twice", 'private="X-User", max-age=60, private="X-Trace"', ["X-User", "X-Trace"]],
    ["no-cache", 'max-age=60, no-cache="X-User"', ["X-User"]],
    ["both", 'max-age=60, no-cache="X-User", private="X-Trace"', ["X-User", "X-Trace"]],
    ["private, though they are not there", 'max-age=60, private="X-Unknown"', []],
    ["private, Set-Cookie among them", 'max-age=60, private="Set-Cookie"', ["Set-Cookie"]],
  ])(
    "by %s are sent to the client of the response and are not stored",
    async (_name, control, names) => {
      await withCache(async ({ proxy, origin }) => {
        const all = ["X-User", "X-Trace", ...(names.includes("Set-Cookie") ? ["Set-Cookie"] : [])]
        const fields = Object.fromEntries(all.map((name) => [name, `of ${name}`]))
        origin.script(AT, answerWithControl(control, { fields, body: "text" }))
        const [first, second] = [await proxy.get(AT), await proxy.get(AT)]
        expect(all.map((name) => first.get(name))).toEqual(all.map((name) => `of ${name}`))
        const rest = all.map((name) => (names.includes(name) ? undefined : `of ${name}`))
        expect(all.map((name) => second.get(name))).toEqual(rest)
        expect([summaryOf(second), requestCount(origin)]).toEqual(["200 text (hit; ttl=60)", 1])
      })
    },
  )

  test("in CDN-Cache-Control are dropped as well", async () => {
    await withCache(async ({ proxy, origin }) => {
      const fields = { "CDN-Cache-Control": 'max-age=60, private="x-user"', "X-User": "7" }
      origin.script(AT, datedAnswer({ fields }))
      const [first, second] = [await proxy.get(AT), await proxy.get(AT)]
      expect([first.get("x-user"), second.get("x-user"), requestCount(origin)]).toEqual([
        "7",
        undefined,
        1,
      ])
    })
  })
})

describe("the answer to a request with Authorization", () => {
  const AUTHORIZED = { Authorization: "Basic dTpw" }

  test.each<[string, string | undefined]>([
    ["max-age=60", "authorization"],
    ["max-age=60, proxy-revalidate", "authorization"],
    ["max-age=60, must-understand", "authorization"],
    ["max-age=60, public", undefined],
    ["max-age=60, must-revalidate", undefined],
    ["s-maxage=60", undefined],
  ])("with %s", (control, reason) =>
    expectStored(reason, { fields: { "Cache-Control": control } }, AUTHORIZED),
  )

  test("that is stored answers all clients, and a client with credentials gets the response stored for others", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, answerWithControl("max-age=60", { body: "for all" }))
      await proxy.get(AT)
      expect(summaryOf(await proxy.get(AT, AUTHORIZED))).toBe("200 for all (hit; ttl=60)")
      expect(origin.requests(AT).map((request) => request.get("authorization"))).toEqual([
        undefined,
      ])
    })
  })

  test("that is not stored is forwarded with its credentials each time", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [
        answerWithControl("max-age=60", { body: "u" }),
        answerWithControl("max-age=60", { body: "v" }),
      ])
      for (const user of ["u", "v"])
        expect((await proxy.get(AT, { Authorization: user })).text).toBe(user)
      expect(origin.requests(AT).map((request) => request.get("authorization"))).toEqual(["u", "v"])
    })
  })
})

describe("a request", () => {
  test("with no-store is answered from the store, but its own response is not stored", async () => {
    await expectStored("request-no-store", { fields: MINUTE }, { "Cache-Control": "no-store" })
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, answerWithControl("max-age=60", { body: "text" }))
      await proxy.get(AT)
      expect(summaryOf(await proxy.get(AT, { "Cache-Control": "no-store" }))).toBe(
        "200 text (hit; ttl=60)",
      )
      expect(requestCount(origin)).toBe(1)
    })
  })

  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT", "PURGE"])(
    "with the method %s is forwarded each time, and its response answers no GET",
    async (method) => {
      await withCache(async ({ proxy, origin }) => {
        const answers = ["one", "two", "three"].map((body) =>
          answerWithControl("max-age=60", { fields: { ETag: '"v"' }, body }),
        )
        origin.script(AT, answers)
        for (const body of ["one", "two"]) {
          expect(summaryOf(await proxy.send({ method, target: AT }))).toBe(
            `200 ${body} (fwd=method; fwd-status=200)`,
          )
        }
        expect(summaryOf(await proxy.get(AT))).toBe(
          "200 three (fwd=uri-miss; fwd-status=200; stored; ttl=60)",
        )
        expect(receivedConditions(origin)).toEqual([{}, {}, {}])
      })
    },
  )

  test("with GET and content is neither answered from the store nor stored", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(
        AT,
        ["one", "two", "three"].map((body) => answerWithControl("max-age=60", { body })),
      )
      const texts: string[] = []
      for (const body of ["content", undefined, "content", undefined]) {
        texts.push((await proxy.send({ target: AT, ...(body && { body }) })).text)
      }
      expect([texts, requestCount(origin)]).toEqual([["one", "two", "three", "two"], 3])
    })
  })
})

test("the cache applies Cache-Tag to purges and does not send it to clients", async () => {
  await withCache(async ({ proxy, origin, module }) => {
    origin.script(AT, [
      answerWithControl("max-age=60", { fields: { "Cache-Tag": "t, u" } }),
      answerWithControl("max-age=60"),
    ])
    const received = [await proxy.get(AT), await proxy.get(AT)]
    expect(received.map((response) => response.get("cache-tag"))).toEqual([undefined, undefined])
    expect(await module.purge({ tags: ["u"] })).toEqual({ purged: 1 })
    expect([cacheStatusOf(await proxy.get(AT)), requestCount(origin)]).toEqual([
      "fwd=uri-miss; fwd-status=200; stored; ttl=60",
      2,
    ])
  })
})
