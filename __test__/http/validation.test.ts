import { httpDate, setClock, stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  type CacheStage,
  cacheStatusOf,
  datedAnswer,
  headerLines,
  notModified,
  receivedConditions,
  summaryOf,
  withStored,
} from "../helpers/proxy-cache"
import type { Answer, AnswerParts } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

type Fields = NonNullable<AnswerParts["fields"]>

const MODIFIED = httpDate(-1_000)
const TAG = { ETag: '"v1"' }
const BY_TAG = { "if-none-match": '"v1"' }
const CONFIRMED = "fwd=stale; fwd-status=304; ttl=60"
const REPLACED = "fwd=stale; fwd-status=200; stored; ttl=60"

/**
 * Runs `use` one second after a stored response became stale. `next` are the origin's further
 * answers.
 */
function withStale(
  fields: Fields,
  next: readonly Answer[],
  use: (stage: CacheStage) => Promise<void>,
  control = "max-age=60",
): Promise<void> {
  return withStored(answerWithControl(control, { fields, body: "stored" }), 61, next, use)
}

const another = (body = "new", fields: Fields = { ETag: '"v2"' }) =>
  answerWithControl("max-age=60", { fields, body })

describe("a stale response is validated with the origin", () => {
  test.each<[string, Fields, Record<string, string>]>([
    ["by its entity tag", TAG, BY_TAG],
    ["by its weak entity tag", { ETag: 'W/"v1"' }, { "if-none-match": 'W/"v1"' }],
    ["by an entity tag without quotes, as it came", { ETag: "v1" }, { "if-none-match": "v1" }],
    ["by its last modification", { "Last-Modified": MODIFIED }, { "if-modified-since": MODIFIED }],
    [
      "by a last modification of RFC 850, to the letter",
      { "Last-Modified": "Sunday, 31-Dec-23 23:43:20 GMT" },
      { "if-modified-since": "Sunday, 31-Dec-23 23:43:20 GMT" },
    ],
    [
      "by both",
      { ...TAG, "Last-Modified": MODIFIED },
      { ...BY_TAG, "if-modified-since": MODIFIED },
    ],
  ])(
    "%s, and the confirmed response is served and becomes fresh",
    async (_name, fields, expected) => {
      await withStale(fields, [notModified()], async ({ proxy, origin }) => {
        const response = await proxy.get(AT)
        expect([summaryOf(response), response.get("age")]).toEqual([
          `200 stored (${CONFIRMED})`,
          "0",
        ])
        setClock(61 + 59.999)
        expect(summaryOf(await proxy.get(AT))).toBe("200 stored (hit; ttl=0)")
        expect(receivedConditions(origin)).toEqual([{}, expected])
      })
    },
  )

  test("without a condition if it has no validator", async () => {
    await withStale({}, [another()], async ({ proxy, origin }) => {
      expect((await proxy.get(AT)).text).toBe("new")
      expect(receivedConditions(origin)).toEqual([{}, {}])
    })
  })

  test.each([200, 404, 410])("and another response, a %d, replaces it", async (status) => {
    const next = answerWithControl("max-age=60", { status, fields: { ETag: '"v2"' }, body: "new" })
    await withStale(TAG, [next, notModified()], async ({ proxy, origin }) => {
      const expected = `${status} new (fwd=stale; fwd-status=${status}; stored; ttl=60)`
      expect(summaryOf(await proxy.get(AT))).toBe(expected)
      expect(summaryOf(await proxy.get(AT))).toBe(`${status} new (hit; ttl=60)`)
      setClock(200)
      expect((await proxy.get(AT)).text).toBe("new")
      expect(receivedConditions(origin)).toEqual([{}, BY_TAG, { "if-none-match": '"v2"' }])
    })
  })

  test("and an uncacheable response removes it", async () => {
    await withStale(
      TAG,
      [answerWithControl("private", { body: "mine" }), another()],
      async ({ proxy, origin }) => {
        expect(summaryOf(await proxy.get(AT))).toBe(
          "200 mine (fwd=stale; fwd-status=200; detail=private)",
        )
        expect((await proxy.get(AT)).text).toBe("new")
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG, {}])
      },
    )
  })

  test("and a temporary error does not remove it", async () => {
    await withStale(
      TAG,
      [datedAnswer({ status: 503, body: "down" }), notModified()],
      async ({ proxy, origin }) => {
        expect(summaryOf(await proxy.get(AT))).toBe("503 down (fwd=stale; fwd-status=503)")
        expect(summaryOf(await proxy.get(AT))).toBe(`200 stored (${CONFIRMED})`)
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG, BY_TAG])
      },
    )
  })

  test("each time if the response has no-cache", async () => {
    const times = [notModified(), notModified(), notModified()]
    await withStale(
      TAG,
      times,
      async ({ proxy, origin }) => {
        for (let n = 0; n < 3; n++) {
          expect(summaryOf(await proxy.get(AT))).toBe(
            "200 stored (fwd=stale; fwd-status=304; ttl=0; detail=stale)",
          )
        }
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG, BY_TAG, BY_TAG])
      },
      "no-cache, max-age=60",
    )
  })

  test("for an hour after its lifetime, after which it is removed", async () => {
    await withStale(
      TAG,
      [notModified({ "Cache-Control": "max-age=0" }), another()],
      async ({ proxy, origin }) => {
        setClock(60 + 3_599.999)
        expect((await proxy.get(AT)).text).toBe("stored")
        setClock(60 + 2 * 3_600)
        expect(summaryOf(await proxy.get(AT))).toBe(
          "200 new (fwd=uri-miss; fwd-status=200; stored; ttl=60)",
        )
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG, {}])
      },
    )
  })
})

describe("a 304 that confirms the stored response", () => {
  test("updates its fields except those of the body, the entity tag and cookies", async () => {
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
    await withStale(fields, [notModified(update)], async ({ proxy, origin, module }) => {
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

  test.each<[string, Fields, number]>([
    ["its max-age", { "Cache-Control": "max-age=10" }, 10],
    ["its max-age less its Age", { "Cache-Control": "max-age=10", Age: "4" }, 6],
    ["its s-maxage", { "Cache-Control": "max-age=10, s-maxage=20" }, 20],
    ["its CDN-Cache-Control", { "CDN-Cache-Control": "max-age=20" }, 20],
    ["the max-age of what is stored, from its own Date on", { Date: httpDate(51) }, 50],
  ])("gives it the lifetime of %s", async (_name, update, seconds) => {
    await withStale(TAG, [notModified(update), another()], async ({ proxy, origin }) => {
      expect(cacheStatusOf(await proxy.get(AT))).toBe(`fwd=stale; fwd-status=304; ttl=${seconds}`)
      setClock(61 + seconds - 0.001)
      expect(cacheStatusOf(await proxy.get(AT))).toBe("hit; ttl=0")
      setClock(61 + seconds)
      expect((await proxy.get(AT)).text).toBe("new")
      expect(receivedConditions(origin)).toEqual([{}, BY_TAG, BY_TAG])
    })
  })

  test.each(["no-store", "private"])(
    "and has %s serves it once more and removes it",
    async (directive) => {
      const next = [notModified({ "Cache-Control": directive }), another()]
      await withStale(TAG, next, async ({ proxy, origin }) => {
        const first = await proxy.get(AT)
        expect([first.status, first.text]).toEqual([200, "stored"])
        expect((await proxy.get(AT)).text).toBe("new")
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG, {}])
      })
    },
  )

  test("drops the fields that its private directive names", async () => {
    const update = { "Cache-Control": 'max-age=60, private="X-User"', "X-User": "7" }
    await withStale(TAG, [notModified(update)], async ({ proxy }) => {
      await proxy.get(AT)
      expect((await proxy.get(AT)).get("x-user")).toBeUndefined()
    })
  })
})

describe("a 304 with other validators than the stored response", () => {
  test.each<[string, Fields, Fields, Record<string, string>]>([
    ["another entity tag", TAG, { ETag: '"v2"' }, BY_TAG],
    [
      "another last modification",
      { "Last-Modified": MODIFIED },
      { "Last-Modified": httpDate(-9) },
      { "if-modified-since": MODIFIED },
    ],
  ])(
    "by %s causes a second request to the origin, without conditions",
    async (_name, fields, update, condition) => {
      await withStale(fields, [notModified(update), another()], async ({ proxy, origin }) => {
        const client = { "If-None-Match": '"mine"', "If-Modified-Since": httpDate(-5_000) }
        expect(summaryOf(await proxy.get(AT, client))).toBe(`200 new (${REPLACED})`)
        expect(summaryOf(await proxy.get(AT))).toBe("200 new (hit; ttl=60)")
        expect(receivedConditions(origin)).toEqual([{}, condition, {}])
      })
    },
  )
})
