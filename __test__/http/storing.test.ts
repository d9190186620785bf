import {
  type CacheWithAnswers,
  FORWARDING_INTERFACES,
  type HeaderFields,
  type OriginAnswer,
  STORING_INTERFACES,
} from "../helpers/answered-cache"
import { refusals } from "../helpers/cache"
import { stopDate } from "../helpers/clock"
import {
  AT,
  answerWithControl,
  cacheStatusOf,
  receivedConditions,
  requestCount,
  summaryOf,
  withCache,
} from "../helpers/proxy-cache"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const MINUTE = { "Cache-Control": "max-age=60" }

/** Expects a response to be stored, or refused for `reason`. */
async function expectStored(
  withAnswers: CacheWithAnswers,
  reason: string | undefined,
  answer: OriginAnswer,
  fields: HeaderFields = {},
): Promise<void> {
  const { status = 200, body = "text" } = answer
  const answers = [{ ...answer, body }, { body: "asked again" }]
  await withAnswers(answers, async ({ send, forwarded, module, describesMisses }) => {
    const first = await send(fields)
    const outcome = reason === undefined ? "stored; ttl=60" : `detail=${reason}`
    const described = describesMisses ? `fwd=uri-miss; fwd-status=${status}; ${outcome}` : ""
    expect(first.summary).toBe(`${status} ${body} (${described})`)
    expect(await refusals(module)).toEqual(reason === undefined ? {} : { [reason]: 1 })
    const second = await send()
    if (reason === undefined) expect(second.summary).toBe(`${status} ${body} (hit; ttl=60)`)
    else expect(second.text).toBe("asked again")
    expect(forwarded()).toHaveLength(reason === undefined ? 1 : 2)
  })
}

describe.each(STORING_INTERFACES)(
  "a response that a shared cache must not store is not stored %s:",
  (_, withAnswers) => {
    test.each<[string, HeaderFields, string]>([
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
      ["no-cache that names no field", { "Cache-Control": 'no-cache="", max-age=60' }, "no-cache"],
      ["no-cache without a validator", { "Cache-Control": "no-cache, max-age=60" }, "no-cache"],
      ["Set-Cookie", { ...MINUTE, "Set-Cookie": ["a=1", "b=2"] }, "set-cookie"],
      [
        "Set-Cookie that no-cache names",
        { "Cache-Control": 'max-age=60, no-cache="set-cookie"', "Set-Cookie": "a=1" },
        "set-cookie",
      ],
      ["Vary with what is no name", { ...MINUTE, Vary: "Accept Language" }, "vary"],
      [
        "an event stream",
        { ...MINUTE, "Content-Type": "Text/Event-Stream; charset=utf-8" },
        "event-stream",
      ],
      ["a lifetime of nothing", { "Cache-Control": "max-age=0" }, "expired"],
    ])("%s", (_name, fields, reason) => expectStored(withAnswers, reason, { fields }))
  },
)

describe.each(FORWARDING_INTERFACES)("%s, a response is not stored", (_, withAnswers) => {
  test.each<[string, HeaderFields, string]>([
    ["that varies by everything", { ...MINUTE, Vary: "*" }, "vary"],
    ["that varies by everything, among others", { ...MINUTE, Vary: ["Accept", "*"] }, "vary"],
    ["without a lifetime", { "Cache-Control": "public" }, "no-freshness"],
  ])("%s", (_name, fields, reason) => expectStored(withAnswers, reason, { fields }))

  test("with status 206", () =>
    expectStored(withAnswers, "partial-content", { status: 206, fields: MINUTE, body: "part" }))
})

const STATUSES = [
  200, 201, 202, 203, 204, 226, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414,
  417, 418, 429, 451, 499, 500, 501, 502, 503, 504, 511, 599,
]

describe.each(STORING_INTERFACES)("a response stored %s with the status", (_, withAnswers) => {
  test.each(STATUSES)("%d is stored if it declares a lifetime", (status) => {
    const body = status === 204 ? "" : "text"
    return expectStored(withAnswers, undefined, { status, fields: MINUTE, body })
  })

  test("304 is not stored, whatever it declares", () =>
    expectStored(withAnswers, "status", { status: 304, fields: MINUTE, body: "" }))
})

describe.each(FORWARDING_INTERFACES)(
  "%s, unlike put(), must-understand counts: a response with the status",
  (_, withAnswers) => {
    test.each<[number, string, string | undefined]>([
      [200, "must-understand, no-store, max-age=60", undefined],
      [404, "must-understand, no-store, max-age=60", undefined],
      [200, "must-understand, max-age=60", undefined],
      [599, "must-understand, no-store, max-age=60", "status"],
      [200, "must-understand, no-store, private, max-age=60", "private"],
    ])("%d and %s", (status, control, reason) =>
      expectStored(withAnswers, reason, { status, fields: { "Cache-Control": control } }),
    )
  },
)

describe("over HTTP, a response with the status", () => {
  const [, overHttp] = FORWARDING_INTERFACES[1] as (typeof FORWARDING_INTERFACES)[number]

  test.each([600, 750, 999])("%d is stored if it declares a lifetime", (status) =>
    expectStored(overHttp, undefined, { status, fields: MINUTE }),
  )

  test("999 and must-understand is not stored", () => {
    const fields = { "Cache-Control": "must-understand, max-age=60" }
    return expectStored(overHttp, "status", { status: 999, fields })
  })
})

describe.each(STORING_INTERFACES)(
  "of a response stored %s, the fields that private or no-cache names",
  (_, withAnswers) => {
    test.each<[string, string, string[]]>([
      ["private in a string", 'max-age=60, private="X-User, x-trace"', ["X-User", "X-Trace"]],
      ["private as a token", "max-age=60, private=x-user", ["X-User"]],
      ["private twice", 'private="X-User", max-age=60, private="X-Trace"', ["X-User", "X-Trace"]],
      ["no-cache", 'max-age=60, no-cache="X-User"', ["X-User"]],
      ["both", 'max-age=60, no-cache="X-User", private="X-Trace"', ["X-User", "X-Trace"]],
      ["private, though they are not there", 'max-age=60, private="X-Unknown"', []],
      ["private, Set-Cookie among them", 'max-age=60, private="Set-Cookie"', ["Set-Cookie"]],
      ["private in capitals", 'max-age=60, PRIVATE="SET-COOKIE"', ["Set-Cookie"]],
    ])(
      "by %s are sent to the client of the response and are not stored",
      async (_name, control, names) => {
        const all = ["X-User", "X-Trace", ...(names.includes("Set-Cookie") ? ["Set-Cookie"] : [])]
        const fields = Object.fromEntries(all.map((name) => [name, `of ${name}`]))
        const answer = { fields: { ...fields, "Cache-Control": control }, body: "text" }
        await withAnswers([answer], async ({ send }) => {
          const [first, second] = [await send(), await send()]
          expect(all.map((name) => first.get(name))).toEqual(all.map((name) => `of ${name}`))
          const rest = all.map((name) => (names.includes(name) ? undefined : `of ${name}`))
          expect(all.map((name) => second.get(name))).toEqual(rest)
          expect(second.summary).toBe("200 text (hit; ttl=60)")
        })
      },
    )

    test("in CDN-Cache-Control are dropped as well", async () => {
      const fields = { "CDN-Cache-Control": 'max-age=60, private="x-user"', "X-User": "7" }
      await withAnswers([{ fields }], async ({ send }) => {
        const [first, second] = [await send(), await send()]
        expect([first.get("x-user"), second.get("x-user")]).toEqual(["7", undefined])
      })
    })
  },
)

describe.each(FORWARDING_INTERFACES)(
  "%s, the response to a request with Authorization",
  (_, withAnswers) => {
    const AUTHORIZED = { Authorization: "Basic dTpw" }

    test.each<[string, string | undefined]>([
      ["max-age=60", "authorization"],
      ["max-age=60, proxy-revalidate", "authorization"],
      ["max-age=60, must-understand", "authorization"],
      ["max-age=60, public", undefined],
      ["max-age=60, must-revalidate", undefined],
      ["s-maxage=60", undefined],
    ])("with %s", (control, reason) =>
      expectStored(withAnswers, reason, { fields: { "Cache-Control": control } }, AUTHORIZED),
    )

    test("that is stored answers all clients, and a client with credentials gets the response stored for others", async () => {
      const answer = { fields: MINUTE, body: "for all" }
      await withAnswers([answer], async ({ send, forwarded }) => {
        await send()
        expect((await send(AUTHORIZED)).summary).toBe("200 for all (hit; ttl=60)")
        expect(forwarded().map((request) => request.get("authorization"))).toEqual([undefined])
      })
    })

    test("that is not stored is forwarded with its credentials each time", async () => {
      const answers = ["u", "v"].map((body) => ({ fields: MINUTE, body }))
      await withAnswers(answers, async ({ send, forwarded }) => {
        for (const user of ["u", "v"]) expect((await send({ Authorization: user })).text).toBe(user)
        expect(forwarded().map((request) => request.get("authorization"))).toEqual(["u", "v"])
      })
    })
  },
)

test.each(FORWARDING_INTERFACES)(
  "%s, a request with no-store is answered from the store, but its own response is not stored",
  async (_, withAnswers) => {
    const fields = { "Cache-Control": "no-store" }
    await expectStored(withAnswers, "request-no-store", { fields: MINUTE }, fields)
    await withAnswers([{ fields: MINUTE, body: "text" }], async ({ send }) => {
      await send()
      expect((await send(fields)).summary).toBe("200 text (hit; ttl=60)")
    })
  },
)

describe("a request", () => {
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
