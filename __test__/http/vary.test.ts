import {
  type CacheWithAnswers,
  FORWARDING_INTERFACES,
  type HeaderFields,
  type OriginAnswer,
  STORING_INTERFACES,
} from "../helpers/answered-cache"
import { httpDate, setClock, stopDate } from "../helpers/clock"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const HIT = "hit; ttl=60"

function varying(
  vary: string | readonly string[],
  body: string,
  fields: HeaderFields = {},
): OriginAnswer {
  return { fields: { "Cache-Control": "max-age=60", Vary: vary, ...fields }, body }
}

/** Expects two requests to select the same variant, or different ones. */
async function expectOneVariant(
  withAnswers: CacheWithAnswers,
  isOne: boolean,
  vary: string | readonly string[],
  first: HeaderFields,
  second: HeaderFields,
): Promise<void> {
  await withAnswers([varying(vary, "one"), varying(vary, "two")], async ({ send, forwarded }) => {
    await send(first)
    expect((await send(second)).text).toBe(isOne ? "one" : "two")
    expect(forwarded()).toHaveLength(isOne ? 1 : 2)
    expect((await send(second)).summary).toBe(`200 ${isOne ? "one" : "two"} (${HIT})`)
    expect((await send(first)).summary).toBe(`200 one (${HIT})`)
  })
}

describe.each(STORING_INTERFACES)("variants stored %s", (_, withAnswers) => {
  test("are side by side, each with its own body, age and validator", async () => {
    const languages = ["de", "en", "fr"]
    const answers = languages.map((language) =>
      varying("Accept-Language", language, { ETag: `"${language}"` }),
    )
    await withAnswers(answers, async ({ send, forwarded, module }) => {
      for (const [n, language] of languages.entries()) {
        setClock(n)
        await send({ "Accept-Language": language })
      }
      expect(await module.inspect()).toMatchObject({ entries: 3 })
      setClock(10)
      for (const [n, language] of languages.entries()) {
        const fields = { "Accept-Language": language }
        const hit = await send(fields)
        expect([hit.summary, hit.get("age"), hit.get("date")]).toEqual([
          `200 ${language} (hit; ttl=${50 + n})`,
          String(10 - n),
          httpDate(n),
        ])
        const conditional = await send({ ...fields, "If-None-Match": '"de"' })
        expect(conditional.status).toBe(language === "de" ? 304 : 200)
      }
      expect(forwarded()).toHaveLength(3)
    })
  })

  test("may be 100, and all are found", async () => {
    const names = Array.from({ length: 100 }, (_, n) => String(n))
    await withAnswers(
      names.map((name) => varying("X-A", name)),
      async ({ send, forwarded }) => {
        for (const name of names) await send({ "X-A": name })
        const texts: string[] = []
        for (const name of names) texts.push((await send({ "X-A": name })).text)
        expect([texts, forwarded().length]).toEqual([names, 100])
      },
    )
  })

  test("that differ in their Vary are found, and the latest answers a request that both match", async () => {
    const answers = [varying("X-A", "by a"), varying("X-B", "by b")]
    await withAnswers(answers, async ({ send, forwarded }) => {
      const seen: string[] = []
      for (const fields of [
        { "X-A": "1" },
        { "X-A": "2", "X-B": "1" },
        { "X-A": "1", "X-B": "1" },
        { "X-A": "1" },
      ]) {
        setClock(seen.length)
        seen.push((await send(fields)).text)
      }
      expect([seen, forwarded().length]).toEqual([["by a", "by b", "by b", "by a"], 2])
    })
  })

  test("are replaced by a later response without Vary", async () => {
    const answers = [varying("X-A", "by a"), varying([], "for all")]
    await withAnswers(answers, async ({ send, forwarded }) => {
      await send({ "X-A": "1" })
      setClock(1)
      for (const value of ["2", "3", "1"]) {
        expect((await send({ "X-A": value })).text).toBe("for all")
      }
      expect(forwarded()).toHaveLength(2)
    })
  })

  describe("are selected by two requests as one", () => {
    test.each<[string, string | string[], HeaderFields, HeaderFields]>([
      [
        "whatever other fields they have",
        "X-A",
        { "X-A": "1", "X-B": "1" },
        { "X-A": "1", "X-B": "2" },
      ],
      ["whatever the case of the field's name", "x-a", { "X-A": "1" }, { "x-A": "1" }],
      ["whatever the white space around the value", "X-A", { "X-A": "1" }, { "X-A": " \t1  " }],
      [
        "whether the field is on several lines or on one",
        "X-A",
        { "X-A": ["1", "2"] },
        { "X-A": "1, 2" },
      ],
      ["where both lack the field", "X-A", {}, { "X-B": "1" }],
      [
        "where all fields are the same",
        "X-A, X-B",
        { "X-A": "1", "X-B": "2" },
        { "X-B": "2", "X-A": "1" },
      ],
    ])("%s", (_name, vary, first, second) =>
      expectOneVariant(withAnswers, true, vary, first, second),
    )
  })

  describe("are different for two requests", () => {
    test.each<[string, string | string[], HeaderFields, HeaderFields]>([
      ["where the field differs", "X-A", { "X-A": "1" }, { "X-A": "2" }],
      ["where its case does", "X-A", { "X-A": "a" }, { "X-A": "A" }],
      ["where one lacks the field", "X-A", { "X-A": "1" }, {}],
      ["where the other lacks the field", "X-A", {}, { "X-A": "1" }],
      ["where one lacks one of two fields", "X-A, X-B", { "X-A": "1", "X-B": "2" }, { "X-B": "2" }],
      ["where a letter outside ASCII differs", "X-A", { "X-A": "\u00e9" }, { "X-A": "e" }],
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
    ])("%s", (_name, vary, first, second) =>
      expectOneVariant(withAnswers, false, vary, first, second),
    )
  })
})

describe.each(FORWARDING_INTERFACES)("%s,", (_, withAnswers) => {
  test("a stale variant is validated by its own entity tag, and the others do not change", async () => {
    const answers = [varying("X-A", "1", { ETag: '"1"' }), varying("X-A", "2", { ETag: '"2"' })]
    await withAnswers([...answers, { status: 304 }], async ({ send, conditions }) => {
      for (const name of ["1", "2"]) {
        await send({ "X-A": name })
        setClock(30)
      }
      setClock(60)
      const validated = await send({ "X-A": "1" })
      expect(validated.summary).toBe("200 1 (fwd=stale; fwd-status=304; ttl=60)")
      expect((await send({ "X-A": "2" })).summary).toBe("200 2 (hit; ttl=30)")
      expect(conditions()).toEqual([{}, {}, { "if-none-match": '"1"' }])
    })
  })

  test.each<[string, string, HeaderFields, HeaderFields]>([
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
  ])("requests select one variant %s", (_name, vary, first, second) =>
    expectOneVariant(withAnswers, true, vary, first, second),
  )

  test("a request with credentials is not answered from a variant for requests without", async () => {
    const answers = [varying("Authorization", "one"), varying("Authorization", "two")]
    await withAnswers(answers, async ({ send }) => {
      await send()
      const expected = "200 two (fwd=vary-miss; fwd-status=200; detail=authorization)"
      expect((await send({ Authorization: "Basic dTpw" })).summary).toBe(expected)
      expect((await send()).summary).toBe(`200 one (${HIT})`)
    })
  })

  test("the first variant is a uri-miss, and each further one a vary-miss", async () => {
    await withAnswers([varying("X-A", "one"), varying("X-A", "two")], async ({ send }) => {
      const missed = "fwd-status=200; stored; ttl=60"
      expect((await send({ "X-A": "1" })).summary).toBe(`200 one (fwd=uri-miss; ${missed})`)
      expect((await send({ "X-A": "2" })).summary).toBe(`200 two (fwd=vary-miss; ${missed})`)
    })
  })

  test("a response with Vary replaces one without only for requests that match it", async () => {
    const answers = [varying([], "for all"), varying("X-A", "by a")]
    await withAnswers(answers, async ({ send, forwarded }) => {
      await send({ "X-A": "1" })
      setClock(1)
      expect((await send({ "X-A": "1", "Cache-Control": "no-cache" })).text).toBe("by a")
      expect((await send({ "X-A": "1" })).text).toBe("by a")
      expect((await send({ "X-A": "2" })).text).toBe("for all")
      expect(forwarded()).toHaveLength(2)
    })
  })

  test("a HEAD and a range are answered from the variant that they select", async () => {
    const answers = [varying("X-A", "first"), varying("X-A", "the second")]
    await withAnswers(answers, async ({ send, forwarded }) => {
      for (const name of ["1", "2"]) await send({ "X-A": name })
      const head = await send({ "X-A": "2" }, "HEAD")
      const part = await send({ "X-A": "2", Range: "bytes=4-" })
      expect([head.get("content-length"), part.text]).toEqual(["10", "second"])
      expect(forwarded()).toHaveLength(2)
    })
  })
})
