import { httpDate, setClock, stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  cacheStatusOf,
  datedAnswer,
  notModified,
  outcomesOf,
  receivedConditions,
  summaryOf,
  withCache,
  withStored,
} from "../helpers/proxy-cache"
import type { Answer, AnswerParts } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

type Fields = NonNullable<AnswerParts["fields"]>

const MODIFIED = httpDate(-1_000)
const STORED = { ETag: '"v1"', "Last-Modified": MODIFIED }
const VALIDATION = { "if-none-match": '"v1"', "if-modified-since": MODIFIED }
const BODY = "stored"

const first = answerWithControl("max-age=60", { fields: STORED, body: BODY })
const next = answerWithControl("max-age=60", {
  fields: { ETag: '"v2"', "Last-Modified": httpDate(-9) },
  body: "new",
})
const CONFIRMED = "fwd=stale; fwd-status=304; ttl=60"
const REPLACED = "fwd=stale; fwd-status=200; stored; ttl=60"

describe("while a stored response is validated, the client's conditions are evaluated by the cache and not forwarded:", () => {
  test.each<[string, Record<string, string>, Answer, string]>([
    [
      "the tag of what is confirmed",
      { "If-None-Match": '"v1"' },
      notModified(),
      `304  (${CONFIRMED})`,
    ],
    ["another tag", { "If-None-Match": '"v0"' }, notModified(), `200 ${BODY} (${CONFIRMED})`],
    [
      "the date of what is confirmed",
      { "If-Modified-Since": MODIFIED },
      notModified(),
      `304  (${CONFIRMED})`,
    ],
    [
      "an earlier date",
      { "If-Modified-Since": httpDate(-9_000) },
      notModified(),
      `200 ${BODY} (${CONFIRMED})`,
    ],
    [
      "a range of what is confirmed",
      { Range: "bytes=0-1" },
      notModified(),
      `206 st (${CONFIRMED})`,
    ],
    [
      "a range with another If-Range",
      { Range: "bytes=0-1", "If-Range": '"v0"' },
      notModified(),
      `200 ${BODY} (${CONFIRMED})`,
    ],
    ["the tag of what is new", { "If-None-Match": '"v2"' }, next, `304  (${REPLACED})`],
    ["the tag of what is replaced", { "If-None-Match": '"v1"' }, next, `200 new (${REPLACED})`],
    [
      "the date of what is replaced",
      { "If-Modified-Since": MODIFIED },
      next,
      `200 new (${REPLACED})`,
    ],
    [
      "a range of what is replaced",
      { Range: "bytes=0-1", "If-Range": '"v1"' },
      next,
      `200 new (${REPLACED})`,
    ],
  ])("%s", async (_name, fields, answer, expected) => {
    await withStored(first, 60, [answer], async ({ proxy, origin }) => {
      expect(summaryOf(await proxy.get(AT, fields))).toBe(expected)
      const text = answer === next ? "new" : BODY
      expect(summaryOf(await proxy.get(AT))).toBe(`200 ${text} (hit; ttl=60)`)
      expect(receivedConditions(origin)).toEqual([{}, VALIDATION])
    })
  })
})

describe("a client's conditions, with nothing stored,", () => {
  test.each([
    ['"v1"', `304  (fwd=uri-miss; fwd-status=200; stored; ttl=60)`],
    ['"v0"', `200 ${BODY} (fwd=uri-miss; fwd-status=200; stored; ttl=60)`],
  ])(
    "are not forwarded, and the origin's complete response is stored and compared with them: %s",
    async (tag, expected) => {
      await withCache(async ({ proxy, origin }) => {
        origin.script(AT, first)
        const fields = { "If-None-Match": tag, "If-Modified-Since": httpDate(-9_000) }
        expect(summaryOf(await proxy.get(AT, fields))).toBe(expected)
        expect(summaryOf(await proxy.get(AT))).toBe(`200 ${BODY} (hit; ttl=60)`)
        expect(receivedConditions(origin)).toEqual([{}])
      })
    },
  )

  test("are forwarded if responses are uncacheable, and the 304 is passed back", async () => {
    await withCache(async ({ proxy, origin }) => {
      const ownFields = answerWithControl("private", { fields: { ETag: '"v1"' }, body: "mine" })
      origin.script(AT, [ownFields, notModified({ ETag: '"v1"', "Cache-Control": "private" })])
      await proxy.get(AT)
      const expected = "304  (fwd=uri-miss; fwd-status=304; detail=status)"
      expect(summaryOf(await proxy.get(AT, { "If-None-Match": '"v1"' }))).toBe(expected)
      expect(receivedConditions(origin)).toEqual([{}, { "if-none-match": '"v1"' }])
    })
  })

  test("are forwarded with credentials", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, notModified({ ETag: '"v1"' }))
      const fields = {
        Authorization: "Basic dTpw",
        "If-None-Match": '"v1"',
        "If-Modified-Since": MODIFIED,
      }
      expect((await proxy.get(AT, fields)).status).toBe(304)
      expect(receivedConditions(origin)).toEqual([VALIDATION])
    })
  })

  test("that only the origin evaluates are forwarded, and the response answers no other request", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [answerWithControl("max-age=60", { status: 412, body: "failed" }), first])
      const fields = { "If-Match": '"v0"', "If-Unmodified-Since": MODIFIED }
      expect((await proxy.get(AT, fields)).status).toBe(412)
      expect((await proxy.get(AT)).text).toBe(BODY)
      expect(receivedConditions(origin)).toEqual([
        { "if-match": '"v0"', "if-unmodified-since": MODIFIED },
        {},
      ])
    })
  })
})

describe("a 304 for one of two stale responses that its request selects", () => {
  /**
   * Expects a 304 for the second of two stale responses to freshen the first one too, or not
   * (`isFresh`). Each response varies by its own field.
   */
  async function expectFreshened(
    tags: [string, string],
    confirmed: Fields,
    isFresh: boolean,
  ): Promise<void> {
    await withCache(async ({ proxy, origin }) => {
      const variants = tags.map((tag, n) =>
        answerWithControl("max-age=60", {
          fields: { ETag: tag, Vary: n === 0 ? "X-A" : "X-B" },
          body: `of ${n}`,
        }),
      )
      origin.script(AT, [...variants, notModified({ ...confirmed, "X-New": "1" }), notModified()])
      await proxy.get(AT, { "X-A": "1", "X-B": "0" })
      await proxy.get(AT, { "X-A": "0", "X-B": "1" })
      setClock(60)
      expect(summaryOf(await proxy.get(AT, { "X-A": "1", "X-B": "1" }))).toBe(
        `200 of 1 (${CONFIRMED})`,
      )
      const first = await proxy.get(AT, { "X-A": "1", "X-B": "0" })
      expect(summaryOf(first)).toBe(`200 of 0 (${isFresh ? "hit; ttl=60" : CONFIRMED})`)
      expect(first.get("x-new")).toBe(isFresh ? "1" : undefined)
      const validated = tags.toReversed().slice(0, isFresh ? 1 : 2)
      expect(receivedConditions(origin)).toEqual([
        {},
        {},
        ...validated.map((tag) => ({ "if-none-match": tag })),
      ])
    })
  }

  test("freshens both if both have its strong tag", () =>
    expectFreshened(['"v"', '"v"'], { ETag: '"v"' }, true))

  test.each<[string, [string, string], Fields]>([
    ["the tag is weak", ['W/"v"', 'W/"v"'], { ETag: 'W/"v"' }],
    ["it confirms a strong tag by a weak one", ['"v"', '"v"'], { ETag: 'W/"v"' }],
    ["it has no tag", ['"v"', '"v"'], {}],
    ["the other has another tag", ['"w"', '"v"'], { ETag: '"v"' }],
  ])("freshens only one if %s", (_name, tags, confirmed) => expectFreshened(tags, confirmed, false))
})

describe("a 304 does not freshen responses that its request does not select", () => {
  test("even if another variant has the same strong entity tag: each origin keeps its CORS fields", async () => {
    await withCache(async ({ proxy, origin }) => {
      const cors = (name: string) => ({
        ETag: '"v"',
        Vary: "Origin",
        "Access-Control-Allow-Origin": name,
      })
      const [a, b] = ["https://a.example", "https://b.example"] as const
      const responses = [a, b].map((name) =>
        answerWithControl("max-age=60", { fields: cors(name), body: BODY }),
      )
      origin.script(AT, [...responses, notModified(cors(a)), notModified(cors(b))])
      for (const name of [a, b]) await proxy.get(AT, { Origin: name })
      setClock(60)
      for (const [name, expected] of [
        [a, CONFIRMED],
        [b, CONFIRMED],
        [a, "hit; ttl=60"],
        [b, "hit; ttl=60"],
      ] as const) {
        const response = await proxy.get(AT, { Origin: name })
        expect([summaryOf(response), response.all("access-control-allow-origin")]).toEqual([
          `200 ${BODY} (${expected})`,
          [name],
        ])
      }
    })
  })
})

describe("a Vary in a 304", () => {
  const german = { "Accept-Language": "de" }
  const english = { "Accept-Language": "en" }
  const plain = answerWithControl("max-age=60", { fields: { ETag: '"v"' }, body: "de" })
  const other = answerWithControl("max-age=60", {
    fields: { ETag: '"w"', Vary: "Accept-Language" },
    body: "en",
  })

  test("lets the response answer only requests like the one that caused it", async () => {
    const confirmed = notModified({ ETag: '"v"', Vary: "Accept-Language" })
    await withStored(plain, 60, [confirmed, other], async ({ proxy, module }) => {
      expect(summaryOf(await proxy.get(AT, german))).toBe(`200 de (${CONFIRMED})`)
      expect(summaryOf(await proxy.get(AT, english))).toBe(
        "200 en (fwd=vary-miss; fwd-status=200; stored; ttl=60)",
      )
      expect(summaryOf(await proxy.get(AT, german))).toBe("200 de (hit; ttl=60)")
      expect(summaryOf(await proxy.get(AT, english))).toBe("200 en (hit; ttl=60)")
      expect((await module.inspect()).entries).toBe(2)
    })
  })

  test("with fewer names than the stored one lets the response answer more requests", async () => {
    const first = answerWithControl("max-age=60", {
      fields: { ETag: '"v"', Vary: "X-A, X-B" },
      body: BODY,
    })
    await withCache(async ({ proxy, origin, module }) => {
      origin.script(AT, [first, notModified({ ETag: '"v"', Vary: "X-A" })])
      await proxy.get(AT, { "X-A": "1", "X-B": "1" })
      setClock(60)
      expect(summaryOf(await proxy.get(AT, { "X-A": "1", "X-B": "1" }))).toBe(
        `200 ${BODY} (${CONFIRMED})`,
      )
      expect(summaryOf(await proxy.get(AT, { "X-A": "1", "X-B": "2" }))).toBe(
        `200 ${BODY} (hit; ttl=60)`,
      )
      expect((await module.inspect()).entries).toBe(1)
    })
  })

  test("with * removes the response, which answers this one request", async () => {
    const confirmed = notModified({ ETag: '"v"', Vary: "accept, *" })
    await withStored(plain, 60, [confirmed, other], async ({ proxy, module }) => {
      const answered = await proxy.get(AT)
      expect([answered.status, answered.text]).toEqual([200, "de"])
      expect((await module.inspect()).entries).toBe(0)
      expect(summaryOf(await proxy.get(AT))).toBe(
        "200 en (fwd=uri-miss; fwd-status=200; stored; ttl=60)",
      )
    })
  })

  test("in the response to a HEAD takes effect as well", async () => {
    const fields = { ETag: '"v"', Vary: "Accept-Language", "Content-Length": "2" }
    const head = answerWithControl("max-age=60", { fields })
    await withStored(plain, 60, [head, other], async ({ proxy }) => {
      await proxy.send({ method: "HEAD", target: AT, fields: german })
      expect(summaryOf(await proxy.get(AT, german))).toBe("200 de (hit; ttl=60)")
      expect(summaryOf(await proxy.get(AT, english))).toBe(
        "200 en (fwd=vary-miss; fwd-status=200; stored; ttl=60)",
      )
    })
  })

  test("from a background refresh takes effect as well", async () => {
    const stale = answerWithControl("max-age=60, stale-while-revalidate=60", {
      fields: { ETag: '"v"' },
      body: "de",
    })
    const confirmed = notModified({
      ETag: '"v"',
      Vary: "Accept-Language",
      "Cache-Control": "max-age=60",
    })
    await withStored(stale, 60, [confirmed, other], async (stage) => {
      const refreshed = outcomesOf(stage.module, "refresh")
      expect(summaryOf(await stage.proxy.get(AT, german))).toBe("200 de (hit; ttl=0; detail=stale)")
      expect(await refreshed).toEqual(["refreshed"])
      expect(summaryOf(await stage.proxy.get(AT, german))).toBe("200 de (hit; ttl=60)")
      expect(summaryOf(await stage.proxy.get(AT, english))).toBe(
        "200 en (fwd=vary-miss; fwd-status=200; stored; ttl=60)",
      )
    })
  })
})

describe("the response to a request with credentials", () => {
  const credentials = { Authorization: "Basic dTpw" }
  const ownFields = { ETag: '"v1"', "X-User": "u" }

  test("that is a 304 is answered from the store, and freshens nothing", async () => {
    await withStored(first, 60, [notModified(ownFields), notModified()], async ({ proxy }) => {
      const answered = await proxy.get(AT, credentials)
      expect([answered.status, answered.text, answered.get("x-user")]).toEqual([
        200,
        BODY,
        undefined,
      ])
      const next = await proxy.get(AT)
      expect([summaryOf(next), next.get("x-user")]).toEqual([
        `200 ${BODY} (${CONFIRMED})`,
        undefined,
      ])
    })
  })

  test.each(["public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"])(
    "that is a 304 with %s freshens the stored response, as section 3.5 allows",
    async (control) => {
      const confirmed = notModified({ ...ownFields, "Cache-Control": control })
      await withStored(first, 60, [confirmed], async ({ proxy, origin }) => {
        await proxy.get(AT, credentials)
        expect(cacheStatusOf(await proxy.get(AT))).toBe("hit; ttl=60")
        expect(origin.requests(AT)).toHaveLength(2)
      })
    },
  )

  test("freshens if the 304 has no Cache-Control and the stored response is public", async () => {
    const shared = answerWithControl("public, max-age=60", { fields: STORED, body: BODY })
    await withStored(shared, 60, [notModified({ ETag: '"v1"' })], async ({ proxy }) => {
      await proxy.get(AT, credentials)
      expect(summaryOf(await proxy.get(AT))).toBe(`200 ${BODY} (hit; ttl=60)`)
    })
  })

  test("does not count as public because a configured lifetime made it so", async () => {
    const cacheOptions = { ttlSeconds: 60 }
    const tagged = datedAnswer({ fields: { ETag: '"v1"' }, body: BODY })
    await withStored(
      tagged,
      60,
      [notModified(ownFields), notModified()],
      async ({ proxy }) => {
        await proxy.get(AT, credentials)
        const next = await proxy.get(AT)
        expect([summaryOf(next), next.get("x-user")]).toEqual([
          `200 ${BODY} (${CONFIRMED})`,
          undefined,
        ])
      },
      { cacheOptions },
    )
  })

  test.each<[string, Fields]>([
    ["the same validators", { ...STORED, "Content-Length": String(BODY.length), ...ownFields }],
    ["another entity tag", { ETag: '"v2"', "Content-Length": "9", "X-User": "u" }],
  ])("to HEAD with %s neither freshens nor removes the stored response", async (_name, fields) => {
    const head = answerWithControl("max-age=60", { fields })
    await withStored(first, 60, [head, notModified()], async ({ proxy, origin }) => {
      await proxy.send({ method: "HEAD", target: AT, fields: credentials })
      const next = await proxy.get(AT)
      expect([summaryOf(next), next.get("x-user")]).toEqual([
        `200 ${BODY} (${CONFIRMED})`,
        undefined,
      ])
      expect(origin.requests(AT).map(({ method }) => method)).toEqual(["GET", "HEAD", "GET"])
    })
  })

  test.each<[string, Fields]>([
    ["private", { "Cache-Control": "private, max-age=60" }],
    ["no-store", { "Cache-Control": "no-store" }],
    ["a cookie", { "Cache-Control": "max-age=60", "Set-Cookie": "a=b" }],
    ["nothing in particular", { "Cache-Control": "max-age=60" }],
  ])("that is another response with %s does not remove the stored one", async (_name, fields) => {
    const own = datedAnswer({ fields, body: "mine" })
    await withStored(first, 60, [own, notModified()], async ({ proxy }) => {
      expect((await proxy.get(AT, credentials)).text).toBe("mine")
      expect(summaryOf(await proxy.get(AT))).toBe(`200 ${BODY} (${CONFIRMED})`)
    })
  })

  test("freshens the response stored for the same credentials if they are in the key", async () => {
    const cacheOptions = { vary: ["authorization"] }
    await withCache(
      async ({ proxy, origin }) => {
        origin.script(AT, [first, notModified(ownFields)])
        await proxy.get(AT, credentials)
        setClock(60)
        await proxy.get(AT, credentials)
        const next = await proxy.get(AT, credentials)
        expect([summaryOf(next), next.get("x-user")]).toEqual([`200 ${BODY} (hit; ttl=60)`, "u"])
      },
      { cacheOptions },
    )
  })
})

describe("the response to a HEAD for a stale response", () => {
  const SAME = { ...STORED, "Content-Length": String(BODY.length), "X-New": "1" }

  test.each<[string, Fields]>([
    ["its validators and length", SAME],
    ["only its entity tag", { ETag: '"v1"', "X-New": "1" }],
    ["its entity tag as a weak one", { ...SAME, ETag: 'W/"v1"' }],
    ["only its Last-Modified", { "Last-Modified": MODIFIED, "X-New": "1" }],
  ])("freshens it if it has %s", async (_name, fields) => {
    await withStored(
      first,
      60,
      [answerWithControl("max-age=30", { fields: { "Content-Length": "6", ...fields } })],
      async ({ proxy, origin }) => {
        const head = await proxy.send({ method: "HEAD", target: AT })
        expect([head.status, cacheStatusOf(head)]).toEqual([200, "fwd=stale; fwd-status=200"])
        const response = await proxy.get(AT)
        expect(summaryOf(response)).toBe(`200 ${BODY} (hit; ttl=30)`)
        expect([response.get("x-new"), response.get("etag"), response.get("date")]).toEqual([
          "1",
          '"v1"',
          httpDate(60),
        ])
        expect(origin.requests(AT).map(({ method }) => method)).toEqual(["GET", "HEAD"])
        expect(receivedConditions(origin)).toEqual([{}, {}])
      },
    )
  })

  test.each<[string, Fields]>([
    ["another entity tag", { ...SAME, ETag: '"v2"' }],
    ["another length", { ...SAME, "Content-Length": "7" }],
    ["another last modification", { "Last-Modified": httpDate(-9), "Content-Length": "6" }],
  ])("removes it if it has %s", async (_name, fields) => {
    await withStored(
      first,
      60,
      [answerWithControl("max-age=60", { fields }), next],
      async ({ proxy, origin }) => {
        await proxy.send({ method: "HEAD", target: AT })
        expect(summaryOf(await proxy.get(AT))).toBe(
          "200 new (fwd=uri-miss; fwd-status=200; stored; ttl=60)",
        )
        expect(receivedConditions(origin)).toEqual([{}, {}, {}])
      },
    )
  })

  test.each<[string, AnswerParts]>([
    ["has no validator", { fields: { "Content-Length": "6" } }],
    ["is an error", { status: 500, fields: SAME }],
    ["is a 404", { status: 404, fields: { "Content-Length": "9" } }],
  ])("does not change it if it %s", async (_name, parts) => {
    await withStored(first, 60, [datedAnswer(parts), notModified()], async ({ proxy, origin }) => {
      expect((await proxy.send({ method: "HEAD", target: AT })).status).toBe(parts.status ?? 200)
      expect(summaryOf(await proxy.get(AT))).toBe(`200 ${BODY} (${CONFIRMED})`)
      expect(receivedConditions(origin)).toEqual([{}, {}, VALIDATION])
    })
  })

  test("comes from the origin, with the client's own conditions", async () => {
    await withStored(first, 60, [notModified({ ETag: '"v1"' })], async ({ proxy, origin }) => {
      const fields = { "If-None-Match": '"v1"' }
      const head = await proxy.send({ method: "HEAD", target: AT, fields })
      expect([head.status, cacheStatusOf(head)]).toEqual([304, "fwd=stale; fwd-status=304"])
      expect(receivedConditions(origin)).toEqual([{}, { "if-none-match": '"v1"' }])
    })
  })
})
