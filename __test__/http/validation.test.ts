import {
  type AnsweredCache,
  FORWARDING_INTERFACES,
  type HeaderFields,
  type OriginAnswer,
} from "../helpers/answered-cache"
import { refusals, url } from "../helpers/cache"
import { httpDate, setClock, stopDate } from "../helpers/clock"
import {
  AT,
  answerWithControl,
  headerLines,
  notModified,
  receivedConditions,
  withStored,
} from "../helpers/proxy-cache"
import { counts } from "../helpers/wrap"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const MODIFIED = httpDate(-1_000)
const TAG = { ETag: '"v1"' }
const DATED = { "Last-Modified": MODIFIED }
const BY_TAG = { "if-none-match": '"v1"' }
const CONFIRMED = "fwd=stale; fwd-status=304; ttl=60"
const REPLACED = "fwd=stale; fwd-status=200; stored; ttl=60"

const confirmed = (fields: HeaderFields = {}): OriginAnswer => ({ status: 304, fields })
const another = (body = "new", fields: HeaderFields = { ETag: '"v2"' }): OriginAnswer => ({
  fields: { "Cache-Control": "max-age=60", ...fields },
  body,
})

describe.each(FORWARDING_INTERFACES)("%s,", (_, withAnswers) => {
  /**
   * Runs `use` one second after a stored response became stale. `next` are the origin's further
   * answers.
   */
  const withStale = (
    fields: HeaderFields,
    next: readonly OriginAnswer[],
    use: (cache: AnsweredCache) => Promise<void>,
    control = "max-age=60",
  ): Promise<void> => {
    const first = { fields: { "Cache-Control": control, ...fields }, body: "stored" }
    return withAnswers([first, ...next], async (cache) => {
      await cache.send()
      setClock(61)
      await use(cache)
    })
  }

  describe("a stale response is validated with the origin", () => {
    test.each<[string, HeaderFields, Record<string, string>]>([
      ["by its entity tag", TAG, BY_TAG],
      ["by its weak entity tag", { ETag: 'W/"v1"' }, { "if-none-match": 'W/"v1"' }],
      ["by an entity tag without quotes, as it came", { ETag: "v1" }, { "if-none-match": "v1" }],
      ["by its modification date", DATED, { "if-modified-since": MODIFIED }],
      [
        "by a modification date of RFC 850, as it came",
        { "Last-Modified": "Sunday, 31-Dec-23 23:43:20 GMT" },
        { "if-modified-since": "Sunday, 31-Dec-23 23:43:20 GMT" },
      ],
      ["by both", { ...TAG, ...DATED }, { ...BY_TAG, "if-modified-since": MODIFIED }],
    ])(
      "%s, and the confirmed response is served and becomes fresh",
      async (_name, fields, expected) => {
        await withStale(fields, [confirmed()], async ({ send, conditions, module }) => {
          const response = await send()
          expect([response.summary, response.get("age")]).toEqual([
            `200 stored (${CONFIRMED})`,
            "0",
          ])
          setClock(61 + 59.999)
          expect((await send()).summary).toBe("200 stored (hit; ttl=0)")
          expect(conditions()).toEqual([{}, expected])
          expect(await counts(module)).toEqual({ hits: 1, misses: 2, puts: 1, revalidations: 1 })
        })
      },
    )

    test("without a condition if it has no validator", async () => {
      await withStale({}, [another()], async ({ send, conditions }) => {
        expect((await send()).text).toBe("new")
        expect(conditions()).toEqual([{}, {}])
      })
    })

    test.each([200, 404, 410])("and another response, a %d, replaces it", async (status) => {
      const next = [{ ...another(), status }, confirmed()]
      await withStale(TAG, next, async ({ send, conditions, module }) => {
        const expected = `${status} new (fwd=stale; fwd-status=${status}; stored; ttl=60)`
        expect((await send()).summary).toBe(expected)
        expect((await send()).summary).toBe(`${status} new (hit; ttl=60)`)
        expect(await module.inspect()).toMatchObject({ entries: 1, revalidations: 0 })
        setClock(200)
        expect((await send()).text).toBe("new")
        expect(conditions()).toEqual([{}, BY_TAG, { "if-none-match": '"v2"' }])
      })
    })

    test("and an uncacheable response removes it", async () => {
      const next = [{ fields: { "Cache-Control": "private" }, body: "mine" }, another()]
      await withStale(TAG, next, async ({ send, conditions, module }) => {
        const expected = "200 mine (fwd=stale; fwd-status=200; detail=private)"
        expect((await send()).summary).toBe(expected)
        expect(await module.inspect()).toMatchObject({ entries: 0 })
        expect(await refusals(module)).toEqual({ private: 1 })
        expect((await send()).text).toBe("new")
        expect(conditions()).toEqual([{}, BY_TAG, {}])
      })
    })

    test("and a temporary error does not remove it", async () => {
      const next = [{ status: 503, body: "down" }, confirmed()]
      await withStale(TAG, next, async ({ send, conditions }) => {
        expect((await send()).summary).toBe("503 down (fwd=stale; fwd-status=503)")
        expect((await send()).summary).toBe(`200 stored (${CONFIRMED})`)
        expect(conditions()).toEqual([{}, BY_TAG, BY_TAG])
      })
    })

    test("each time if the response has no-cache", async () => {
      const next = [confirmed(), confirmed(), confirmed()]
      const use = async ({ send, conditions, module }: AnsweredCache) => {
        for (let n = 0; n < 3; n++) {
          const expected = "200 stored (fwd=stale; fwd-status=304; ttl=0; detail=stale)"
          expect((await send()).summary).toBe(expected)
        }
        expect(conditions()).toEqual([{}, BY_TAG, BY_TAG, BY_TAG])
        expect(await module.match(url(AT))).toBeUndefined()
        expect(await counts(module)).toEqual({ misses: 5, puts: 1, revalidations: 3 })
      }
      await withStale(TAG, next, use, "no-cache, max-age=60")
    })

    test("for an hour after its lifetime, after which it is removed", async () => {
      const next = [confirmed({ "Cache-Control": "max-age=0" }), another()]
      await withStale(TAG, next, async ({ send, conditions }) => {
        setClock(60 + 3_599.999)
        expect((await send()).text).toBe("stored")
        setClock(60 + 2 * 3_600)
        const expected = "200 new (fwd=uri-miss; fwd-status=200; stored; ttl=60)"
        expect((await send()).summary).toBe(expected)
        expect(conditions()).toEqual([{}, BY_TAG, {}])
      })
    })
  })

  describe("a 304 that confirms the stored response", () => {
    test.each<[string, HeaderFields, number]>([
      ["its max-age", { "Cache-Control": "max-age=10" }, 10],
      ["its max-age less its Age", { "Cache-Control": "max-age=10", Age: "4" }, 6],
      ["its s-maxage", { "Cache-Control": "max-age=10, s-maxage=20" }, 20],
      ["its CDN-Cache-Control", { "CDN-Cache-Control": "max-age=20" }, 20],
      ["the max-age of what is stored, from its own Date on", { Date: httpDate(51) }, 50],
    ])("gives it the lifetime of %s", async (_name, update, seconds) => {
      await withStale(TAG, [confirmed(update), another()], async ({ send, conditions }) => {
        const expected = `200 stored (fwd=stale; fwd-status=304; ttl=${seconds})`
        expect((await send()).summary).toBe(expected)
        setClock(61 + seconds - 0.001)
        expect((await send()).summary).toBe("200 stored (hit; ttl=0)")
        setClock(61 + seconds)
        expect((await send()).text).toBe("new")
        expect(conditions()).toEqual([{}, BY_TAG, BY_TAG])
      })
    })

    test.each(["no-store", "private"])(
      "and has %s serves it once more and removes it",
      async (directive) => {
        const next = [confirmed({ "Cache-Control": directive }), another()]
        await withStale(TAG, next, async ({ send, conditions, module }) => {
          const first = await send()
          expect([first.status, first.text]).toEqual([200, "stored"])
          expect(await module.inspect()).toMatchObject({ entries: 0 })
          expect((await send()).text).toBe("new")
          expect(conditions()).toEqual([{}, BY_TAG, {}])
        })
      },
    )

    test("drops the fields that its private directive names", async () => {
      const update = { "Cache-Control": 'max-age=60, private="X-User"', "X-User": "7" }
      await withStale(TAG, [confirmed(update)], async ({ send }) => {
        await send()
        expect((await send()).get("x-user")).toBeUndefined()
      })
    })
  })

  test.each<[string, HeaderFields, HeaderFields, Record<string, string>]>([
    ["another entity tag", TAG, { ETag: '"v2"' }, BY_TAG],
    [
      "another modification date",
      DATED,
      { "Last-Modified": httpDate(-9) },
      { "if-modified-since": MODIFIED },
    ],
  ])(
    "a 304 with %s causes a second request to the origin, without conditions",
    async (_name, fields, update, condition) => {
      const next = [confirmed(update), another()]
      await withStale(fields, next, async ({ send, conditions, forwarded, module }) => {
        const client = { "If-None-Match": '"mine"', "If-Modified-Since": httpDate(-5_000) }
        expect((await send({ ...client, "X-A": "1" })).summary).toBe(`200 new (${REPLACED})`)
        expect(forwarded().at(-1)?.get("x-a")).toBe("1")
        expect((await send()).summary).toBe("200 new (hit; ttl=60)")
        expect(conditions()).toEqual([{}, condition, {}])
        expect(await counts(module)).toEqual({ hits: 1, misses: 2, puts: 2 })
      })
    },
  )
})

test("a 304 updates the fields of the stored response except those of the body, the entity tag and cookies", async () => {
  const fields = {
    "Cache-Control": "max-age=60",
    "Content-Encoding": "gzip",
    "Content-Type": "text/plain",
    ETag: '"v1"',
    "Last-Modified": MODIFIED,
    Vary: "X-A",
    "X-Changed": ["old", "older"],
    "X-Kept": "1",
  }
  const update = {
    "Cache-Control": "max-age=90",
    "Content-Encoding": "br",
    "Content-Length": "999",
    "Content-Range": "bytes 0-1/2",
    "Content-Type": "text/html",
    ETag: 'W/"v1"',
    "Last-Modified": MODIFIED,
    Expires: httpDate(500),
    "Set-Cookie": "a=1",
    Vary: "X-B",
    "X-Changed": "new",
    "X-Added": "1",
  }
  const stored = answerWithControl("max-age=60", { fields, body: "stored" })
  await withStored(stored, 61, [notModified(update)], async ({ proxy, origin, module }) => {
    const common = [
      "cache-control: max-age=90",
      "content-encoding: gzip",
      "content-length: 6",
      "content-type: text/html",
      `date: ${httpDate(61)}`,
      'etag: "v1"',
      `expires: ${httpDate(500)}`,
      `last-modified: ${MODIFIED}`,
      "vary: X-B",
      "via: 1.1 layeron",
      "x-added: 1",
      "x-changed: new",
      "x-kept: 1",
    ]
    const [first, second] = [await proxy.get(AT), await proxy.get(AT)]
    const status = `cache-status: ${module.identity}; `
    expect(headerLines(first)).toEqual(
      ["age: 0", `${status}fwd=stale; fwd-status=304; ttl=90`, ...common].sort(),
    )
    expect(headerLines(second)).toEqual(["age: 0", `${status}hit; ttl=90`, ...common].sort())
    expect([first.text, second.text, receivedConditions(origin).length]).toEqual([
      "stored",
      "stored",
      2,
    ])
  })
})
