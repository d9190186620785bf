import { setClock, stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  type CacheStage,
  cacheStatusOf,
  headerLines,
  notModified,
  outcomesOf,
  receivedConditions,
  summaryOf,
  withCache,
  withStored,
} from "../helpers/proxy-cache"
import { answer, gate } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

type Fields = Record<string, string | string[]>

const VALIDATION = { "if-none-match": '"v1"' }

/** Runs `use` `seconds` after the cache has stored a response with an entity tag. */
function withStoredAge(
  seconds: number,
  control: string,
  use: (stage: CacheStage) => Promise<void>,
): Promise<void> {
  return withStored(
    answerWithControl(control, { fields: { ETag: '"v1"' }, body: "stored" }),
    seconds,
    [],
    use,
  )
}

/** Expects the cache to answer a request without a request to the origin. */
async function expectHit(
  { proxy, origin }: CacheStage,
  fields: Fields,
  expected: string,
): Promise<void> {
  expect(summaryOf(await proxy.get(AT, fields))).toBe(`200 stored (${expected})`)
  expect(receivedConditions(origin)).toEqual([{}])
}

/** Expects the cache to validate its stored response before it answers a request. */
async function expectValidated(
  { proxy, origin }: CacheStage,
  fields: Fields,
  fwdReason: string,
): Promise<void> {
  origin.script(AT, notModified())
  expect(summaryOf(await proxy.get(AT, fields))).toBe(
    `200 stored (fwd=${fwdReason}; fwd-status=304; ttl=60)`,
  )
  expect(receivedConditions(origin)).toEqual([{}, VALIDATION])
}

const control = (value: string | string[]): Fields => ({ "Cache-Control": value })

describe("a fresh response, 10 s old and fresh for 50 s more,", () => {
  test.each<[string, Fields]>([
    ["no directive", {}],
    ["max-age of its age", control("max-age=10")],
    ["a longer max-age in quotes", control('max-age="60"')],
    ["min-fresh of what is left", control("min-fresh=50")],
    ["max-stale", control("max-stale")],
    ["only-if-cached", control("only-if-cached")],
    ["no-store", control("no-store")],
    ["no-transform and what is unknown", control('no-transform, foo, bar="no-cache"')],
    ["Pragma with what is unknown", { Pragma: "no-cachet" }],
    ["Pragma that Cache-Control overrules", { Pragma: "no-cache", ...control("max-stale") }],
  ])("answers a request with %s", async (_name, fields) => {
    await withStoredAge(10, "max-age=60", (stage) => expectHit(stage, fields, "hit; ttl=50"))
  })

  test.each<[string, Fields]>([
    ["no-cache", control("no-cache")],
    ["no-cache in any case, on a second line", control(["max-stale", "No-Cache"])],
    ["Pragma: no-cache", { Pragma: "no-cache" }],
    ["Pragma: no-cache among others", { Pragma: 'foo="1", No-Cache' }],
    ["max-age below its age", control("max-age=9")],
    ["max-age=0", control("max-age=0")],
    ["max-age that is no number", control("max-age=soon")],
    ["the first max-age of two below its age", control("max-age=9, max-age=60")],
    ["min-fresh above what is left", control("min-fresh=51")],
    ["no-cache, even with max-stale", control("no-cache, max-stale")],
  ])("is validated for a request with %s", async (_name, fields) => {
    await withStoredAge(10, "max-age=60", (stage) => expectValidated(stage, fields, "request"))
  })

  test.each(["no-cache", "max-age=0"])(
    "is replaced if a request with %s gets another response from the origin",
    async (directive) => {
      await withStoredAge(10, "max-age=60", async ({ proxy, origin }) => {
        origin.script(AT, answerWithControl("max-age=60", { body: "new" }))
        const expected = "200 new (fwd=request; fwd-status=200; stored; ttl=60)"
        expect(summaryOf(await proxy.get(AT, control(directive)))).toBe(expected)
        expect(summaryOf(await proxy.get(AT))).toBe("200 new (hit; ttl=60)")
      })
    },
  )

  test("answers a HEAD by the same directives", async () => {
    await withStoredAge(10, "max-age=60", async ({ proxy, origin }) => {
      const head = (value: string) =>
        proxy.send({ method: "HEAD", target: AT, fields: control(value) })
      expect(cacheStatusOf(await head("max-age=10"))).toBe("hit; ttl=50")
      origin.script(
        AT,
        answerWithControl("max-age=60", { fields: { ETag: '"v1"', "Content-Length": "6" } }),
      )
      expect(cacheStatusOf(await head("max-age=9"))).toBe("fwd=request; fwd-status=200")
      expect(origin.requests(AT).map(({ method }) => method)).toEqual(["GET", "HEAD"])
    })
  })
})

describe("a response that has been stale for 10 s", () => {
  const OVER = "hit; ttl=-10; detail=stale"

  test.each<[string, string]>([
    ["max-stale", "max-age=60"],
    ["max-stale=10", "max-age=60"],
    ["max-stale=10, max-age=70", "max-age=60"],
    ['max-stale="99"', "max-age=60"],
    ["only-if-cached, max-stale", "max-age=60"],
  ])("answers a request with %s", async (requestControl, response) => {
    await withStoredAge(70, response, (stage) => expectHit(stage, control(requestControl), OVER))
  })

  test.each<[string, string]>([
    ["no-transform", "max-age=60"],
    ["max-stale=9", "max-age=60"],
    ["max-stale=soon", "max-age=60"],
    ["max-stale, min-fresh=1", "max-age=60"],
    ["max-stale, no-cache", "max-age=60"],
    ["max-stale, max-age=30", "max-age=60"],
    ["max-stale", "max-age=60, must-revalidate"],
    ["max-stale", "max-age=60, proxy-revalidate"],
  ])(
    "is validated for a request with %s of a response with %s",
    async (requestControl, response) => {
      await withStoredAge(70, response, (stage) =>
        expectValidated(stage, control(requestControl), "stale"),
      )
    },
  )

  test("is validated for a request with max-stale if the response has s-maxage or no-cache", async () => {
    await withStoredAge(70, "s-maxage=60", (stage) =>
      expectValidated(stage, control("max-stale"), "stale"),
    )
    setClock(0)
    await withStoredAge(0, "no-cache", async ({ proxy, origin }) => {
      origin.script(AT, notModified())
      const expected = "200 stored (fwd=stale; fwd-status=304; ttl=0; detail=stale)"
      expect(summaryOf(await proxy.get(AT, control("max-stale")))).toBe(expected)
      expect(receivedConditions(origin)).toEqual([{}, VALIDATION])
    })
  })

  test("answers a request with max-stale even if it has no validator", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, answerWithControl("max-age=60", { body: "stored" }))
      await proxy.get(AT)
      setClock(70)
      expect(summaryOf(await proxy.get(AT, control("max-stale=10")))).toBe(`200 stored (${OVER})`)
      origin.script(AT, answerWithControl("max-age=60", { body: "new" }))
      expect((await proxy.get(AT, control("max-stale=9"))).text).toBe("new")
      expect(receivedConditions(origin)).toEqual([{}, {}])
    })
  })

  test("is not served within its stale window to a request with max-age below its age, or no-cache", async () => {
    for (const requestControl of ["max-age=69", "no-cache", "min-fresh=1"]) {
      setClock(0)
      await withStoredAge(70, "max-age=60, stale-while-revalidate=60", (stage) =>
        expectValidated(stage, control(requestControl), "stale"),
      )
    }
  })
})

describe("only-if-cached", () => {
  test("gets a 504 if nothing is stored, and is not forwarded to the origin", async () => {
    await withCache(async ({ proxy, origin, module }) => {
      for (const method of ["GET", "HEAD"]) {
        const client = await proxy.connect()
        const fields = control("only-if-cached")
        const response = await client.send({ method, target: AT, fields }).response(method)
        expect([response.head.start, response.text]).toEqual(["HTTP/1.1 504 Gateway Timeout", ""])
        expect(response.get("cache-status")).toBe(`${module.identity}; detail=only-if-cached`)
        origin.script("/b", answerWithControl("no-store", { body: "next" }))
        expect((await client.send({ target: "/b" }).response()).text).toBe("next")
      }
      expect([origin.requests(AT), proxy.reports]).toEqual([[], []])
    })
  })

  test.each<[string, number, string, string]>([
    ["the stored response is stale", 60, "max-age=60", "only-if-cached"],
    [
      "the stored response is fresh and the request has no-cache",
      10,
      "max-age=60",
      "only-if-cached, no-cache",
    ],
    ["what is stored is too old", 10, "max-age=60", "only-if-cached, max-age=9"],
    ["what is stored is to be validated each time", 0, "no-cache", "only-if-cached"],
  ])("gets a 504 if %s", async (_name, seconds, response, requestControl) => {
    await withStoredAge(seconds, response, async ({ proxy, origin }) => {
      const received = await proxy.get(AT, control(requestControl))
      expect([received.status, cacheStatusOf(received), receivedConditions(origin)]).toEqual([
        504,
        "detail=only-if-cached",
        [{}],
      ])
    })
  })

  test("gets a stale response within its stale window, which is refreshed", async () => {
    await withStoredAge(
      60,
      "max-age=60, stale-while-revalidate=60",
      async ({ proxy, origin, module }) => {
        origin.script(AT, notModified())
        const refreshed = outcomesOf(module, "refresh")
        const expected = "200 stored (hit; ttl=0; detail=stale)"
        expect(summaryOf(await proxy.get(AT, control("only-if-cached")))).toBe(expected)
        expect([await refreshed, receivedConditions(origin)]).toEqual([
          ["refreshed"],
          [{}, VALIDATION],
        ])
      },
    )
  })

  test("does not wait for the response of the origin to another request", async () => {
    await withCache(async ({ proxy, origin }) => {
      const isAsked = gate()
      origin.script(AT, async ({ write }) => {
        await isAsked.opened
        await write(answer({ fields: control("max-age=60"), body: "stored" }))
      })
      const client = (await proxy.connect()).send({ target: AT })
      await origin.received(AT)
      expect((await proxy.get(AT, control("only-if-cached"))).status).toBe(504)
      isAsked.open()
      expect((await client.response()).text).toBe("stored")
      expect(summaryOf(await proxy.get(AT, control("only-if-cached")))).toBe(
        "200 stored (hit; ttl=60)",
      )
      expect(receivedConditions(origin)).toEqual([{}])
    })
  })

  test("does not keep unsafe requests from the origin", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, answerWithControl("no-store", { body: "written" }))
      const request = { method: "POST", target: AT, fields: control("only-if-cached") }
      expect(summaryOf(await proxy.send(request))).toBe("200 written (fwd=method; fwd-status=200)")
    })
  })
})

test("directives of a request reach the origin unchanged", async () => {
  await withStoredAge(10, "max-age=60", async ({ proxy, origin }) => {
    origin.script(AT, answerWithControl("max-age=60"))
    const fields = { "Cache-Control": ["no-cache", 'x="a, b"'], Pragma: "no-cache" }
    const response = await proxy.get(AT, fields)
    expect(headerLines(response)).toContain("cache-control: max-age=60")
    const request = origin.requests(AT).at(-1)
    expect([request?.get("cache-control"), request?.get("pragma")]).toEqual([
      'no-cache, x="a, b"',
      "no-cache",
    ])
  })
})
