import { httpDate, setClock, stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  cacheStatusOf,
  notModified,
  receivedConditions,
  requestCount,
  summaryOf,
  withCache,
} from "../helpers/proxy-cache"
import type { Answer, AnswerParts } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

type HeaderFields = Record<string, string | string[]>

const HIT = "hit; ttl=60"
const MISS = "fwd=vary-miss; fwd-status=200; stored; ttl=60"

function varyingAnswer(
  vary: string | string[],
  body: string,
  fields: AnswerParts["fields"] = {},
): Answer {
  return answerWithControl("max-age=60", { fields: { Vary: vary, ...fields }, body })
}

/** Expects two requests to select the same variant, or different ones. */
async function expectOne(
  isOne: boolean,
  vary: string | string[],
  first: HeaderFields,
  second: HeaderFields,
): Promise<void> {
  await withCache(async ({ proxy, origin }) => {
    origin.script(AT, [varyingAnswer(vary, "one"), varyingAnswer(vary, "two")])
    await proxy.get(AT, first)
    expect(summaryOf(await proxy.get(AT, second))).toBe(
      isOne ? `200 one (${HIT})` : `200 two (${MISS})`,
    )
    expect(summaryOf(await proxy.get(AT, first))).toBe(`200 one (${HIT})`)
    expect(requestCount(origin)).toBe(isOne ? 1 : 2)
  })
}

test("variants are stored side by side, each with its own body, age and validator", async () => {
  await withCache(async ({ proxy, origin }) => {
    const languages = ["de", "en", "fr"]
    for (const [n, language] of languages.entries()) {
      setClock(n)
      origin.script(AT, varyingAnswer("Accept-Language", language, { ETag: `"${language}"` }))
      const first = await proxy.get(AT, { "Accept-Language": language })
      expect(cacheStatusOf(first)).toBe(n === 0 ? MISS.replace("vary", "uri") : MISS)
    }
    setClock(10)
    for (const [n, language] of languages.entries()) {
      const fields = { "Accept-Language": language }
      const hit = await proxy.get(AT, fields)
      expect([summaryOf(hit), hit.get("age"), hit.get("date")]).toEqual([
        `200 ${language} (hit; ttl=${50 + n})`,
        String(10 - n),
        httpDate(n),
      ])
      const condition = { "If-None-Match": '"de"' }
      expect((await proxy.get(AT, { ...fields, ...condition })).status).toBe(
        language === "de" ? 304 : 200,
      )
    }
    expect(requestCount(origin)).toBe(3)
  })
})

test("a stale variant is validated by its own entity tag, and the others do not change", async () => {
  await withCache(async ({ proxy, origin }) => {
    for (const name of ["1", "2"]) {
      origin.script(AT, varyingAnswer("X-A", name, { ETag: `"${name}"` }))
      await proxy.get(AT, { "X-A": name })
      setClock(30)
    }
    setClock(60)
    origin.script(AT, notModified())
    expect(summaryOf(await proxy.get(AT, { "X-A": "1" }))).toBe(
      "200 1 (fwd=stale; fwd-status=304; ttl=60)",
    )
    expect(summaryOf(await proxy.get(AT, { "X-A": "2" }))).toBe("200 2 (hit; ttl=30)")
    expect(receivedConditions(origin)).toEqual([{}, {}, { "if-none-match": '"1"' }])
  })
})

describe("two requests select one variant", () => {
  test.each<[string, string | string[], HeaderFields, HeaderFields]>([
    ["whatever else differs", "X-A", { "X-A": "1", "X-B": "1" }, { "X-A": "1", "X-B": "2" }],
    ["whatever the case of the field's name", "x-a", { "X-A": "1" }, { "x-A": "1" }],
    ["whatever the white space around the value", "X-A", { "X-A": "1" }, { "X-A": " \t1  " }],
    ["be the field on several lines or one", "X-A", { "X-A": ["1", "2"] }, { "X-A": "1, 2" }],
    [
      "whatever the white space between languages",
      "Accept-Language",
      { "Accept-Language": "de,en;q=0.5" },
      { "Accept-Language": "de , en; q=0.5" },
    ],
    [
      "whatever the empty members between languages",
      "Accept-Language",
      { "Accept-Language": "de,,en," },
      { "Accept-Language": "de, en" },
    ],
    [
      "whatever the case of languages",
      "Accept-Language",
      { "Accept-Language": "de-AT, EN" },
      { "Accept-Language": "DE-at, en" },
    ],
    [
      "whatever the case of codings",
      "Accept-Encoding",
      { "Accept-Encoding": "GZIP, br" },
      { "Accept-Encoding": "gzip,BR" },
    ],
    ["where both lack the field", "X-A", {}, { "X-B": "1" }],
    [
      "where all fields are the same",
      "X-A, X-B",
      { "X-A": "1", "X-B": "2" },
      { "X-B": "2", "X-A": "1" },
    ],
  ])("%s", (_name, vary, first, second) => expectOne(true, vary, first, second))
})

describe("two requests select different variants", () => {
  test.each<[string, string | string[], HeaderFields, HeaderFields]>([
    ["where the field differs", "X-A", { "X-A": "1" }, { "X-A": "2" }],
    ["where its case does", "X-A", { "X-A": "a" }, { "X-A": "A" }],
    ["where one lacks the field", "X-A", { "X-A": "1" }, {}],
    ["where the other lacks the field", "X-A", {}, { "X-A": "1" }],
    ["where one has the field empty and the other lacks it", "X-A", { "X-A": "" }, {}],
    [
      "where the order of languages differs",
      "Accept-Language",
      { "Accept-Language": "de, en" },
      { "Accept-Language": "en, de" },
    ],
    [
      "where the weight of a language differs",
      "Accept-Language",
      { "Accept-Language": "de" },
      { "Accept-Language": "de;q=0.5" },
    ],
    [
      "where the second field of two differs",
      "X-A, X-B",
      { "X-A": "1", "X-B": "1" },
      { "X-A": "1", "X-B": "2" },
    ],
    [
      "where a field differs that a second line names",
      ["X-A", "X-B"],
      { "X-B": "1" },
      { "X-B": "2" },
    ],
    [
      "where the values of two fields are exchanged",
      "X-A, X-B",
      { "X-A": "1", "X-B": "2" },
      { "X-A": "2", "X-B": "1" },
    ],
    [
      "where white space within a value differs",
      "User-Agent",
      { "User-Agent": "a b" },
      { "User-Agent": "ab" },
    ],
    [
      "where white space within a quoted string does",
      "X-A",
      { "X-A": '"1,2"' },
      { "X-A": '"1, 2"' },
    ],
    ["where one value is the other with a comma", "X-A", { "X-A": "1,2" }, { "X-A": "12" }],
    ["where white space around commas differs", "X-A", { "X-A": "1,2" }, { "X-A": "1 ,\t2" }],
    ["where one value has an empty member", "X-A", { "X-A": "1,2" }, { "X-A": "1,,2" }],
    ["where one cookie has an empty member", "Cookie", { Cookie: "a,,c" }, { Cookie: "a,c" }],
    ["where the case of a cookie differs", "Cookie", { Cookie: "a=B" }, { Cookie: "a=b" }],
    [
      "where white space within a coding differs",
      "Accept-Encoding",
      { "Accept-Encoding": "g zip" },
      { "Accept-Encoding": "gzip" },
    ],
    ["where a cookie differs", "Cookie", { Cookie: "a=1; b=2" }, { Cookie: "a=1; b=3" }],
  ])("%s", (_name, vary, first, second) => expectOne(false, vary, first, second))

  test("if one has credentials, which prevent storing", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [
        varyingAnswer("Authorization", "one"),
        varyingAnswer("Authorization", "two"),
      ])
      await proxy.get(AT)
      const expected = "200 two (fwd=vary-miss; fwd-status=200; detail=authorization)"
      expect(summaryOf(await proxy.get(AT, { Authorization: "Basic dTpw" }))).toBe(expected)
      expect(summaryOf(await proxy.get(AT))).toBe(`200 one (${HIT})`)
    })
  })
})

describe("responses that vary by different fields", () => {
  test("are stored side by side, and the latest answers a request that both match", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [varyingAnswer("X-A", "by a"), varyingAnswer("X-B", "by b")])
      const seen: string[] = []
      for (const fields of [
        { "X-A": "1" },
        { "X-A": "2", "X-B": "1" },
        { "X-A": "1", "X-B": "1" },
        { "X-A": "1" },
      ]) {
        setClock(seen.length)
        seen.push((await proxy.get(AT, fields)).text)
      }
      expect([seen, requestCount(origin)]).toEqual([["by a", "by b", "by b", "by a"], 2])
    })
  })

  test("are replaced by a later response without Vary", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [
        varyingAnswer("X-A", "by a"),
        answerWithControl("max-age=60", { body: "for all" }),
      ])
      await proxy.get(AT, { "X-A": "1" })
      setClock(1)
      expect((await proxy.get(AT, { "X-A": "2" })).text).toBe("for all")
      expect((await proxy.get(AT, { "X-A": "3" })).text).toBe("for all")
      expect((await proxy.get(AT, { "X-A": "1" })).text).toBe("for all")
      expect(requestCount(origin)).toBe(2)
    })
  })

  test("replace an earlier response without Vary only for requests that match them", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [
        answerWithControl("max-age=60", { body: "for all" }),
        varyingAnswer("X-A", "by a"),
      ])
      await proxy.get(AT, { "X-A": "1" })
      setClock(1)
      const fields = { "X-A": "1", "Cache-Control": "no-cache" }
      expect((await proxy.get(AT, fields)).text).toBe("by a")
      expect((await proxy.get(AT, { "X-A": "1" })).text).toBe("by a")
      expect((await proxy.get(AT, { "X-A": "2" })).text).toBe("for all")
      expect(requestCount(origin)).toBe(2)
    })
  })
})

test("a HEAD and a range are answered from the variant that they select", async () => {
  await withCache(async ({ proxy, origin }) => {
    origin.script(AT, [varyingAnswer("X-A", "first"), varyingAnswer("X-A", "the second")])
    for (const name of ["1", "2"]) await proxy.get(AT, { "X-A": name })
    const fields = { "X-A": "2" }
    const head = await proxy.send({ method: "HEAD", target: AT, fields })
    const part = await proxy.get(AT, { ...fields, Range: "bytes=4-" })
    expect([head.get("content-length"), part.text, requestCount(origin)]).toEqual([
      "10",
      "second",
      2,
    ])
  })
})

test("100 variants are stored side by side", async () => {
  await withCache(async ({ proxy, origin }) => {
    const names = Array.from({ length: 100 }, (_, n) => String(n))
    origin.script(
      AT,
      names.map((name) => varyingAnswer("X-A", name)),
    )
    for (const name of names) await proxy.get(AT, { "X-A": name })
    const texts: string[] = []
    for (const name of names) texts.push((await proxy.get(AT, { "X-A": name })).text)
    expect([texts, requestCount(origin)]).toEqual([names, 100])
  })
})
