import {
  type CacheWithAnswers,
  FORWARDING_INTERFACES,
  type HeaderFields,
  STORING_INTERFACES,
} from "../helpers/answered-cache"
import { httpDate, setClock, stopDate } from "../helpers/clock"

import { AT, cacheStatusOf, datedAnswer, requestCount, withCache } from "../helpers/proxy-cache"
import { answer } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const MAX_SECONDS = 2_147_483_647
const DAY = 86_400

const minute = (fields: HeaderFields): HeaderFields => ({
  "Cache-Control": "max-age=60",
  ...fields,
})

/** Expects the cache to serve a response from the store for exactly `seconds` after its arrival. */
async function expectServed(
  withAnswers: CacheWithAnswers,
  seconds: number,
  fields: HeaderFields,
  status = 200,
): Promise<void> {
  const body = status === 204 ? "" : "text"
  await withAnswers([{ status, fields, body }, { status: 418 }], async ({ send, forwarded }) => {
    await send()
    if (seconds > 0) {
      expect((await send()).summary).toBe(`${status} ${body} (hit; ttl=${seconds})`)
      setClock(seconds - 0.001)
      expect((await send()).summary).toBe(`${status} ${body} (hit; ttl=0)`)
      setClock(seconds)
    }
    expect((await send()).status).toBe(418)
    expect(forwarded()).toHaveLength(2)
  })
}

describe.each(STORING_INTERFACES)(
  "the lifetime of a response stored %s is declared",
  (_, withAnswers) => {
    test.each<[string, HeaderFields, number]>([
      ["by max-age", { "Cache-Control": "max-age=60" }, 60],
      ["by s-maxage before max-age", { "Cache-Control": "max-age=60, s-maxage=30" }, 30],
      ["by s-maxage, even if it is longer", { "Cache-Control": "s-maxage=90, max-age=60" }, 90],
      ["by s-maxage, even if it is 0", { "Cache-Control": "s-maxage=0, max-age=60" }, 0],
      ["by max-age before Expires", { "Cache-Control": "max-age=60", Expires: httpDate(90) }, 60],
      [
        "by max-age, although Expires is over",
        { "Cache-Control": "max-age=60", Expires: httpDate(-9) },
        60,
      ],
      [
        "by max-age 0, although Expires is to come",
        { "Cache-Control": "max-age=0", Expires: httpDate(9) },
        0,
      ],
      [
        "by max-age, whatever the value of Pragma",
        { "Cache-Control": "max-age=60", Pragma: "no-cache" },
        60,
      ],
      ["by Expires", { Expires: httpDate(45) }, 45],
      [
        "by Expires, beside other directives",
        { "Cache-Control": "public", Expires: httpDate(45) },
        45,
      ],
      ["by Expires in the form of RFC 850", { Expires: "Monday, 01-Jan-24 00:00:45 GMT" }, 45],
      ["by Expires in the form of asctime", { Expires: "Mon Jan  1 00:00:45 2024" }, 45],
      ["by Expires, in the Date's own second", { Expires: httpDate(0) }, 0],
      ["by Expires in the past", { Expires: httpDate(-1) }, 0],
      ["by an Expires that is no date", { Expires: "0" }, 0],
      ["by an Expires of no zone", { Expires: "Mon, 01 Jan 2024 00:00:45" }, 0],
    ])("%s", (_name, fields, seconds) => expectServed(withAnswers, seconds, fields))
  },
)

describe.each(STORING_INTERFACES)("of Cache-Control of a response stored %s,", (_, withAnswers) => {
  test.each<[string, string | string[], number]>([
    ["names are known in any case", "MAX-Age=60", 60],
    ["a value may be quoted", 'max-age="60"', 60],
    ["unknown directives are ignored", 'max-stale=1, foo, bar=1, max-age=60, baz="1, 2"', 60],
    ["empty members count for nothing", ", ,max-age=60,, ", 60],
    ["white space around members counts for nothing", "  public\t,\t max-age=60 ", 60],
    ["several lines are one list", ["public", "max-age=60"], 60],
    ["of a directive on two lines the first counts", ["max-age=30", "max-age=60"], 30],
    ["of a directive that comes twice the first counts", "max-age=60, max-age=30", 60],
    ["what a quoted string holds is no directive", 'x="max-age=5, no-store", max-age=60', 60],
    ["an escaped quote does not end a string", 'x="\\", no-store, max-age=5", max-age=60', 60],
    ["a directive in a string without an end counts", 'x="max-age=60, no-store', 0],
    ["a name is known as a whole", "x-no-store, no-storex, max-age=60", 60],
    ["a value may begin with zeros", "max-age=0060", 60],
    [
      "a lifetime beyond the largest number is the largest",
      "max-age=99999999999999999999",
      MAX_SECONDS,
    ],
    ["a negative value is none", "max-age=-60", 0],
    ["a fraction is no value", "max-age=60.5", 0],
    ["a word is no value", "max-age=minute", 0],
    ["an empty value is none", "max-age=", 0],
    ["a missing value is none", "max-age", 0],
    ["two values are none", "max-age=60 61", 0],
    ["an apostrophe does not quote", "max-age='60'", 0],
  ])("%s", (_name, control, seconds) =>
    expectServed(withAnswers, seconds, { "Cache-Control": control }),
  )

  test("an invalid max-age is not replaced by Expires", () =>
    expectServed(withAnswers, 0, { "Cache-Control": "max-age=minute", Expires: httpDate(60) }))
})

const LONGER = { "Cache-Control": "max-age=60" }

describe.each(STORING_INTERFACES)("CDN-Cache-Control of a response stored %s", (_, withAnswers) => {
  test.each<[string, HeaderFields, number]>([
    ["overrides Cache-Control", { ...LONGER, "CDN-Cache-Control": "max-age=30" }, 30],
    [
      "prevents storing that Cache-Control allows",
      { ...LONGER, "CDN-Cache-Control": "no-store" },
      0,
    ],
    ["with private prevents storing", { ...LONGER, "CDN-Cache-Control": "max-age=30, private" }, 0],
    ["overrides Expires", { Expires: httpDate(60), "CDN-Cache-Control": "max-age=30" }, 30],
    ["prefers s-maxage to max-age", { "CDN-Cache-Control": "max-age=60, s-maxage=30" }, 30],
    ["may be on several lines", { "CDN-Cache-Control": ["foo", "max-age=30"] }, 30],
    ["may have parameters", { "CDN-Cache-Control": "max-age=30;x=1, foo=(a b)" }, 30],
    ["uses the last of equal names", { "CDN-Cache-Control": "max-age=60, max-age=30" }, 30],
    ["that is invalid is ignored", { ...LONGER, "CDN-Cache-Control": "max-age=30, &&&" }, 60],
    ["in upper case is invalid", { ...LONGER, "CDN-Cache-Control": "Max-Age=30" }, 60],
    ["that is empty is ignored", { ...LONGER, "CDN-Cache-Control": "" }, 60],
    [
      "that denies no-store does not forbid",
      { ...LONGER, "CDN-Cache-Control": "no-store=?0, max-age=9" },
      9,
    ],
  ])("%s", (_name, fields, seconds) => expectServed(withAnswers, seconds, fields))
})

describe.each(FORWARDING_INTERFACES)("%s, unlike put(), CDN-Cache-Control", (_, withAnswers) => {
  test.each<[string, HeaderFields, number]>([
    [
      "with a string instead of a number has no lifetime",
      { ...LONGER, "CDN-Cache-Control": 'max-age="30"' },
      0,
    ],
    ["with a fraction has no lifetime", { ...LONGER, "CDN-Cache-Control": "max-age=30.5" }, 0],
    ["that ends with a comma is invalid", { ...LONGER, "CDN-Cache-Control": "no-store," }, 60],
    [
      "overrides no-store and private",
      { "Cache-Control": "no-store, private", "CDN-Cache-Control": "max-age=30" },
      30,
    ],
    [
      "disables Expires, even without a lifetime",
      { Expires: httpDate(60), "CDN-Cache-Control": "public" },
      0,
    ],
  ])("%s", (_name, fields, seconds) => expectServed(withAnswers, seconds, fields))
})

describe.each(FORWARDING_INTERFACES)(
  "%s, unlike put(), the time since Date counts",
  (_, withAnswers) => {
    test.each<[string, HeaderFields, number]>([
      ["for Expires", { Date: httpDate(-10), Expires: httpDate(45) }, 45],
      ["as age", minute({ Date: httpDate(-20) }), 40],
      ["as age if it is greater than Age", minute({ Age: "10", Date: httpDate(-20) }), 40],
      ["until the lifetime is over", minute({ Date: httpDate(-60) }), 0],
    ])("%s", (_name, fields, seconds) => expectServed(withAnswers, seconds, fields))
  },
)

describe.each(FORWARDING_INTERFACES)(
  "%s, without a declared lifetime, the heuristic lifetime follows from Last-Modified",
  (_, withAnswers) => {
    test("and is 0 without it", () => expectServed(withAnswers, 0, {}))

    const MODIFIED = { "Last-Modified": httpDate(-1_000) }

    test.each([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])("for a %d", (status) =>
      expectServed(withAnswers, 100, MODIFIED, status),
    )

    test.each([201, 202, 302, 303, 307, 400, 401, 403, 416, 418, 429, 451, 500, 503, 599])(
      "but not for a %d",
      (status) => expectServed(withAnswers, 0, MODIFIED, status),
    )

    test.each<[string, HeaderFields, number]>([
      ["a tenth of the time since then", { "Last-Modified": httpDate(-600) }, 60],
      ["up to a day", { "Last-Modified": httpDate(-100 * DAY) }, DAY],
      ["from the Date on", { Date: httpDate(-10), "Last-Modified": httpDate(-1_010) }, 90],
      ["not if it is in the future", { "Last-Modified": httpDate(1_000) }, 0],
      ["not if it is not a date", { "Last-Modified": "yesterday" }, 0],
      ["not if Expires is not a date", { ...MODIFIED, Expires: "soon" }, 0],
      ["not if max-age is 0", { ...MODIFIED, "Cache-Control": "max-age=0" }, 0],
    ])("%s", (_name, fields, seconds) => expectServed(withAnswers, seconds, fields))

    test("for other statuses if the response is public", () =>
      expectServed(withAnswers, 100, { ...MODIFIED, "Cache-Control": "public" }, 403))
  },
)

describe.each(STORING_INTERFACES)("the Age of the response received %s", (_, withAnswers) => {
  test.each<[string, HeaderFields, number]>([
    ["is its Age", { Age: "20" }, 20],
    ["is its Age if that is greater", { Age: "30", Date: httpDate(-20) }, 30],
    ["is 0 if its Date is in the future", { Date: httpDate(20) }, 0],
    ["is 0 if its Date is invalid", { Date: "now" }, 0],
    ["is the first Age of several", { Age: ["20", "30"] }, 20],
    ["is 0 if the Age is not a number", { Age: "20s" }, 0],
    ["is 0 if the Age is negative", { Age: "-20" }, 0],
    ["is 0 if the Age is a fraction", { Age: "1.5" }, 0],
  ])("%s", async (_name, fields, age) => {
    await withAnswers([{ fields: minute(fields), body: "text" }], async ({ send }) => {
      await send()
      setClock(2)
      const response = await send()
      const expected = [`${age + 2}`, `200 text (hit; ttl=${58 - age})`]
      expect([response.get("age"), response.summary]).toEqual(expected)
    })
    setClock(0)
    await expectServed(withAnswers, 60 - age, minute(fields))
  })

  test.each<[string, HeaderFields]>([
    ["its Age is the lifetime", { Age: "60" }],
    ["its Age is beyond the largest number", { Age: "99999999999" }],
  ])("leaves no freshness lifetime if %s", (_name, fields) =>
    expectServed(withAnswers, 0, minute(fields)),
  )
})

test("CDN-Cache-Control reaches the client unchanged, with the Cache-Control that it overrides", async () => {
  await withCache(async ({ proxy, origin }) => {
    const fields = { "CDN-Cache-Control": "max-age=30", "Cache-Control": "no-store" }
    origin.script(AT, datedAnswer({ fields }))
    for (let n = 0; n < 2; n++) {
      const response = await proxy.get(AT)
      const seen = [response.get("cdn-cache-control"), response.get("cache-control")]
      expect(seen).toEqual(["max-age=30", "no-store"])
    }
    expect(requestCount(origin)).toBe(1)
  })
})

test("the Age of a response includes the time that the origin takes", async () => {
  await withCache(async ({ proxy, origin }) => {
    origin.script(AT, ({ write }) => {
      setClock(8)
      return write(answer({ fields: minute({ Age: "3", Date: httpDate(8) }) }))
    })
    expect(cacheStatusOf(await proxy.get(AT))).toBe("fwd=uri-miss; fwd-status=200; stored; ttl=49")
    const response = await proxy.get(AT)
    expect([response.get("age"), cacheStatusOf(response)]).toEqual(["11", "hit; ttl=49"])
  })
})

test("a received Age is forwarded with the first response, and replaced in hits", async () => {
  await withCache(async ({ proxy, origin }) => {
    origin.script(AT, datedAnswer({ fields: minute({ Age: "20" }) }))
    expect((await proxy.get(AT)).all("age")).toEqual(["20"])
    expect((await proxy.get(AT)).all("age")).toEqual(["20"])
    setClock(1)
    expect((await proxy.get(AT)).all("age")).toEqual(["21"])
  })
})
