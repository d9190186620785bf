import { freshCache, get, mustMatch, url } from "../helpers/cache"
import { httpDate, setClock, stopDate } from "../helpers/clock"
import { INTERFACES } from "../helpers/interfaces"
import { AT, answerWithControl, cacheStatusOf, withStored } from "../helpers/proxy-cache"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const BODY = "0123456789"
/** Long before the response's `Date`, so `Last-Modified` is a strong validator. */
const MODIFIED = httpDate(-1_000)
const TAGGED = { ETag: '"v1"', "Last-Modified": MODIFIED }
const DATED = { "Last-Modified": MODIFIED }

type Row = [string, Record<string, string>, Record<string, string | string[]>, 200 | 304]

describe.each(INTERFACES)("a conditional request %s", (_, way) => {
  test.each<Row>([
    ["the entity tag", TAGGED, { "If-None-Match": '"v1"' }, 304],
    ["the entity tag as a weak one", TAGGED, { "If-None-Match": 'W/"v1"' }, 304],
    ["the weak entity tag as a strong one", { ETag: 'W/"v1"' }, { "If-None-Match": '"v1"' }, 304],
    ["the entity tag in a list", TAGGED, { "If-None-Match": '"x" ,, W/"v1", "y"' }, 304],
    ["the entity tag on a second line", TAGGED, { "If-None-Match": ['"x"', '"v1"'] }, 304],
    ["an entity tag with a comma", { ETag: '"a, b"' }, { "If-None-Match": '"a, b"' }, 304],
    ["an empty entity tag", { ETag: '""' }, { "If-None-Match": '""' }, 304],
    ["any entity tag", TAGGED, { "If-None-Match": "*" }, 304],
    ["any entity tag of a response without one", DATED, { "If-None-Match": "*" }, 304],
    ["another entity tag", TAGGED, { "If-None-Match": '"v2"' }, 200],
    ["parts of the entity tag", { ETag: '"a, b"' }, { "If-None-Match": '"a", "b"' }, 200],
    ["the entity tag in another case", TAGGED, { "If-None-Match": '"V1"' }, 200],
    ["the entity tag without quotes", TAGGED, { "If-None-Match": "v1" }, 200],
    ["the entity tag with one quote", TAGGED, { "If-None-Match": '"v1' }, 200],
    ["an entity tag of a response without one", DATED, { "If-None-Match": '"v1"' }, 200],
    ["the last modification", DATED, { "If-Modified-Since": MODIFIED }, 304],
    ["a later date", DATED, { "If-Modified-Since": httpDate(-999) }, 304],
    ["an earlier date", DATED, { "If-Modified-Since": httpDate(-1_001) }, 200],
    ["a date in RFC 850", DATED, { "If-Modified-Since": "Sunday, 31-Dec-23 23:43:20 GMT" }, 304],
    ["a date of asctime", DATED, { "If-Modified-Since": "Sun Dec 31 23:43:20 2023" }, 304],
    ["an invalid date", DATED, { "If-Modified-Since": "yesterday" }, 200],
    ["its Date, without Last-Modified", {}, { "If-Modified-Since": httpDate(0) }, 304],
    ["a date before its Date", {}, { "If-Modified-Since": httpDate(-1) }, 200],
    [
      "another entity tag and a later date",
      TAGGED,
      { "If-None-Match": '"v2"', "If-Modified-Since": httpDate(5) },
      200,
    ],
    [
      "the entity tag and an earlier date",
      TAGGED,
      { "If-None-Match": '"v1"', "If-Modified-Since": httpDate(-9_999) },
      304,
    ],
  ])("with %s gets the status of the comparison", (_name, fields, condition, status) =>
    way({ fields }, 5, async (sendGet, cache) => {
      const seen = await sendGet(condition)
      expect([seen.status, seen.text]).toEqual([status, status === 200 ? BODY : ""])
      expect(seen.fields["cache-status"]).toBe(`${cache}; hit; ttl=55`)
      // The stored response has not changed.
      expect((await sendGet({ "If-None-Match": '"else"' })).text).toBe(BODY)
    }),
  )

  test("gets a 304 with the fields for caches, and without those that describe the body", () => {
    const fields = {
      ...TAGGED,
      "Content-Language": "en",
      "Content-Length": "10",
      "Content-Location": "/a.txt",
      "Content-Type": "text/plain",
      Expires: httpDate(60),
      Vary: "X-A",
    }
    return way({ fields }, 5, async (sendGet, cache) => {
      const seen = await sendGet({ "If-None-Match": '"v1"' })
      expect([seen.reason, seen.text]).toEqual(["Not Modified", ""])
      expect(seen.fields).toEqual({
        age: "5",
        "cache-control": "max-age=60",
        "cache-status": `${cache}; hit; ttl=55`,
        "content-location": "/a.txt",
        date: httpDate(0),
        etag: '"v1"',
        expires: httpDate(60),
        vary: "X-A",
      })
    })
  })

  test("gets a 304 with Last-Modified if the response has no entity tag", () =>
    way({ fields: DATED }, 5, async (sendGet) => {
      const seen = await sendGet({ "If-Modified-Since": MODIFIED })
      expect([seen.status, seen.fields["last-modified"]]).toEqual([304, MODIFIED])
    }))

  test.each([203, 404, 410])("gets a stored %d as it is", (status) =>
    way({ status, fields: { ETag: '"v1"' } }, 5, async (sendGet) => {
      const requests: Record<string, string>[] = [{ "If-None-Match": "*" }, { Range: "bytes=0-1" }]
      for (const condition of requests) {
        const seen = await sendGet(condition)
        expect([seen.status, seen.text]).toEqual([status, BODY])
      }
    }),
  )
})

describe("a 304 over HTTP", () => {
  test("answers HEAD, and the connection stays in use", async () => {
    const stored = answerWithControl("max-age=60", { body: BODY, fields: TAGGED })
    await withStored(stored, 5, [], async ({ proxy }) => {
      const client = await proxy.connect()
      const fields = { "If-None-Match": '"v1"' }
      const head = await client.send({ method: "HEAD", target: AT, fields }).response("HEAD")
      expect([head.status, head.text, cacheStatusOf(head)]).toEqual([304, "", "hit; ttl=55"])
      client.send({ target: AT, fields: { "If-None-Match": '"v2"' } })
      expect((await client.response()).text).toBe(BODY)
    })
  })

  test("keeps fields that no standard defines", async () => {
    const stored = answerWithControl("max-age=60", {
      body: BODY,
      fields: { ...TAGGED, "X-Other": "1" },
    })
    await withStored(stored, 5, [], async ({ proxy }) => {
      const response = await proxy.get(AT, { "If-None-Match": '"v1"' })
      expect([response.status, response.get("x-other"), response.get("via")]).toEqual([
        304,
        "1",
        "1.1 layeron",
      ])
    })
  })
})

describe("match() with a condition", () => {
  const head = (headers = {}) => new Request(url("/a"), { method: "HEAD", headers })

  test("is a miss if nothing is stored", async () => {
    expect(await freshCache().match(get("/a", { "if-none-match": "*" }))).toBeUndefined()
  })

  test("counts a 304 as a hit, which has no body", async () => {
    const module = freshCache()
    await module.put(url("/a"), new Response(BODY, { headers: { etag: '"v1"' } }))
    const response = await mustMatch(module, get("/a", { "if-none-match": '"v1"' }))
    expect([response.status, response.ok, response.body]).toEqual([304, false, null])
    expect(await module.stats()).toMatchObject({ hits: 1, misses: 0 })
  })

  test("answers HEAD with a 304", async () => {
    const module = freshCache()
    await module.put(head(), new Response(null, { headers: { etag: '"v1"' } }))
    expect((await mustMatch(module, head({ "if-none-match": '"v1"' }))).status).toBe(304)
  })

  test("ignores If-Modified-Since if the response has neither Last-Modified nor Date", async () => {
    const module = freshCache()
    await module.put(url("/a"), new Response(BODY))
    const response = await mustMatch(module, get("/a", { "if-modified-since": httpDate(100) }))
    expect(response.status).toBe(200)
  })

  test("compares with a Last-Modified before the Date", async () => {
    const module = freshCache()
    const headers = { "last-modified": httpDate(-100), date: httpDate(-10) }
    await module.put(url("/a"), new Response(BODY, { headers }))
    setClock(1)
    const response = await mustMatch(module, get("/a", { "if-modified-since": httpDate(-50) }))
    expect(response.status).toBe(304)
  })
})
