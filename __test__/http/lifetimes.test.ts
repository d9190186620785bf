import { httpDate, setClock, stopDate } from "../helpers/clock"

import { AT, cacheStatusOf, datedAnswer, requestCount, withCache } from "../helpers/proxy-cache"
import { type AnswerParts, answer } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

type Fields = NonNullable<AnswerParts["fields"]>

const MAX_SECONDS = 2_147_483_647
const DAY = 86_400

/** Expects the cache to serve a response from the store for exactly `seconds` after its arrival. */
async function expectServed(seconds: number, fields: Fields, status = 200): Promise<void> {
  await withCache(async ({ proxy, origin }) => {
    const body = status === 204 ? "" : "text"
    origin.script(AT, [datedAnswer({ status, fields, body }), datedAnswer({ status: 418 })])
    const first = await proxy.get(AT)
    if (seconds > 0) {
      expect(cacheStatusOf(first)).toBe(
        `fwd=uri-miss; fwd-status=${status}; stored; ttl=${seconds}`,
      )
      setClock(seconds - 0.001)
      const last = await proxy.get(AT)
      expect([last.status, last.text, cacheStatusOf(last)]).toEqual([status, body, "hit; ttl=0"])
      setClock(seconds)
    }
    expect((await proxy.get(AT)).status).toBe(418)
    expect(requestCount(origin)).toBe(2)
  })
}

describe("the lifetime is declared", () => {
  test.each<[string, Fields, number]>([
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
    ["by Expires, from the Date on", { Date: httpDate(-10), Expires: httpDate(45) }, 45],
    ["by Expires in the form of RFC 850", { Expires: "Monday, 01-Jan-24 00:00:45 GMT" }, 45],
    ["by Expires in the form of asctime", { Expires: "Mon Jan  1 00:00:45 2024" }, 45],
    ["by Expires, in the Date's own second", { Expires: httpDate(0) }, 0],
    ["by Expires in the past", { Expires: httpDate(-1) }, 0],
    ["by an Expires that is no date", { Expires: "0" }, 0],
    ["by an Expires of no zone", { Expires: "Mon, 01 Jan 2024 00:00:45" }, 0],
    ["by nothing", {}, 0],
  ])("%s", (_name, fields, seconds) => expectServed(seconds, fields))
})

describe("of Cache-Control", () => {
  test.each<[string, string | string[], number]>([
    ["names are known in any case", "MAX-Age=60", 60],
    ["a value may be quoted", 'max-age="60"', 60],
    ["what is unknown is passed over", 'max-stale=1, foo, bar=1, max-age=60, baz="1, 2"', 60],
    ["empty members count for nothing", ", ,max-age=60,, ", 60],
    ["white space around members counts for nothing", "  public\t,\t max-age=60 ", 60],
    ["several lines are one list", ["public", "max-age=60"], 60],
    ["of a directive on two lines the first counts", ["max-age=30", "max-age=60"], 30],
    ["of a directive that comes twice the first counts", "max-age=60, max-age=30", 60],
    ["what a quoted string holds is no directive", 'x="max-age=5, no-store", max-age=60', 60],
    ["an escaped quote does not end a string", 'x="\\", no-store, max-age=5", max-age=60', 60],
    ["a string that never ends hides nothing", 'x="max-age=60, no-store', 0],
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
  ])("%s", (_name, control, seconds) => expectServed(seconds, { "Cache-Control": control }))

  test("an invalid max-age is not replaced by Expires", () =>
    expectServed(0, { "Cache-Control": "max-age=minute", Expires: httpDate(60) }))
})

describe("CDN-Cache-Control", () => {
  const LONGER = { "Cache-Control": "max-age=60" }
  test.each<[string, Fields, number]>([
    ["overrides Cache-Control", { ...LONGER, "CDN-Cache-Control": "max-age=30" }, 30],
    [
      "overrides no-store and private",
      { "Cache-Control": "no-store, private", "CDN-Cache-Control": "max-age=30" },
      30,
    ],
    [
      "prevents storing that Cache-Control allows",
      { ...LONGER, "CDN-Cache-Control": "no-store" },
      0,
    ],
    ["with private prevents storing", { ...LONGER, "CDN-Cache-Control": "max-age=30, private" }, 0],
    ["overrides Expires", { Expires: httpDate(60), "CDN-Cache-Control": "max-age=30" }, 30],
    [
      "disables Expires, even without a lifetime",
      { Expires: httpDate(60), "CDN-Cache-Control": "public" },
      0,
    ],
    ["prefers s-maxage to max-age", { "CDN-Cache-Control": "max-age=60, s-maxage=30" }, 30],
    ["may be on several lines", { "CDN-Cache-Control": ["foo", "max-age=30"] }, 30],
    ["may have parameters", { "CDN-Cache-Control": "max-age=30;x=1, foo=(a b)" }, 30],
    ["uses the last of equal names", { "CDN-Cache-Control": "max-age=60, max-age=30" }, 30],
    ["that is invalid is ignored", { ...LONGER, "CDN-Cache-Control": "max-age=30, &&&" }, 60],
    ["that ends with a comma is invalid", { ...LONGER, "CDN-Cache-Control": "no-store," }, 60],
    ["in upper case is invalid", { ...LONGER, "CDN-Cache-Control": "Max-Age=30" }, 60],
    ["that is empty is ignored", { ...LONGER, "CDN-Cache-Control": "" }, 60],
    [
      "with a string instead of a number has no lifetime",
      { ...LONGER, "CDN-Cache-Control": 'max-age="30"' },
      0,
    ],
    ["with a fraction has no lifetime", { ...LONGER, "CDN-Cache-Control": "max-age=30.5" }, 0],
    [
      "that denies no-store does not forbid",
      { ...LONGER, "CDN-Cache-Control": "no-store=?0, max-age=9" },
      9,
    ],
  ])("%s", (_name, fields, seconds) => expectServed(seconds, fields))

  test("reaches the client unchanged, with the Cache-Control that it overrides", async () => {
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
})

describe("without a declared lifetime, the heuristic lifetime follows from Last-Modified", () => {
  const MODIFIED = { "Last-Modified": httpDate(-1_000) }

  test.each([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])("for a %d", (status) =>
    expectServed(100, MODIFIED, status),
  )

  test.each([201, 202, 302, 303, 307, 400, 401, 403, 416, 418, 429, 451, 500, 503, 599, 999])(
    "but not for a %d",
    (status) => expectServed(0, MODIFIED, status),
  )

  test.each<[string, Fields, number]>([
    ["a tenth of the time since then", { "Last-Modified": httpDate(-600) }, 60],
    ["up to a day", { "Last-Modified": httpDate(-100 * DAY) }, DAY],
    ["from the Date on", { Date: httpDate(-10), "Last-Modified": httpDate(-1_010) }, 90],
    ["not if it is in the future", { "Last-Modified": httpDate(1_000) }, 0],
    ["not if it is not a date", { "Last-Modified": "yesterday" }, 0],
    ["not if Expires is not a date", { ...MODIFIED, Expires: "soon" }, 0],
    ["not if max-age is 0", { ...MODIFIED, "Cache-Control": "max-age=0" }, 0],
  ])("%s", (_name, fields, seconds) => expectServed(seconds, fields))

  test("for other statuses if the response is public", () =>
    expectServed(100, { ...MODIFIED, "Cache-Control": "public" }, 403))
})

describe("the Age of the received response", () => {
  const oneMinute = (fields: Fields): Fields => ({ "Cache-Control": "max-age=60", ...fields })

  test.each<[string, Fields, number]>([
    ["is its Age", { Age: "20" }, 20],
    ["is the time since its Date", { Date: httpDate(-20) }, 20],
    ["is its Age if that is greater", { Age: "30", Date: httpDate(-20) }, 30],
    ["is the time since its Date if that is greater", { Age: "10", Date: httpDate(-20) }, 20],
    ["is 0 if its Date is in the future", { Date: httpDate(20) }, 0],
    ["is 0 if its Date is invalid", { Date: "now" }, 0],
    ["is the first Age of several", { Age: ["20", "30"] }, 20],
    ["is 0 if the Age is not a number", { Age: "20s" }, 0],
    ["is 0 if the Age is negative", { Age: "-20" }, 0],
    ["is 0 if the Age is a fraction", { Age: "1.5" }, 0],
  ])("%s", async (_name, fields, age) => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, datedAnswer({ fields: oneMinute(fields) }))
      await proxy.get(AT)
      setClock(2)
      const response = await proxy.get(AT)
      expect([response.get("age"), cacheStatusOf(response)]).toEqual([
        `${age + 2}`,
        `hit; ttl=${58 - age}`,
      ])
    })
    setClock(0)
    await expectServed(60 - age, oneMinute(fields))
  })

  test.each<[string, Fields]>([
    ["its Age is the lifetime", { Age: "60" }],
    ["its Age is beyond the largest number", { Age: "99999999999" }],
    ["its Date is too long ago", { Date: httpDate(-60) }],
  ])("leaves no freshness lifetime if %s", (_name, fields) => expectServed(0, oneMinute(fields)))

  test("includes the time that the origin takes", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, ({ write }) => {
        setClock(8)
        return write(answer({ fields: oneMinute({ Age: "3", Date: httpDate(8) }) }))
      })
      expect(cacheStatusOf(await proxy.get(AT))).toBe(
        "fwd=uri-miss; fwd-status=200; stored; ttl=49",
      )
      const response = await proxy.get(AT)
      expect([response.get("age"), cacheStatusOf(response)]).toEqual(["11", "hit; ttl=49"])
    })
  })

  test("is forwarded with the first response, and replaced in hits", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, datedAnswer({ fields: oneMinute({ Age: "20" }) }))
      expect((await proxy.get(AT)).all("age")).toEqual(["20"])
      expect((await proxy.get(AT)).all("age")).toEqual(["20"])
      setClock(1)
      expect((await proxy.get(AT)).all("age")).toEqual(["21"])
    })
  })
})
