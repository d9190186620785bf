import { freshCache, get, mustMatch, url } from "../helpers/cache"
import { httpDate, stopDate } from "../helpers/clock"
import { INTERFACES } from "../helpers/interfaces"
import {
  AT,
  answerWithControl,
  cacheStatusOf,
  datedAnswer,
  headerLines,
  receivedConditions,
  withCache,
  withStored,
} from "../helpers/proxy-cache"
import type { Answer, AnswerParts } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const BODY = "0123456789"
/** Returns the answer that the tests store for a minute. It is 5 s old when a test requests it. */
function storedAnswer(fields: AnswerParts["fields"], parts: AnswerParts = {}): Answer {
  return answerWithControl("max-age=60", { body: BODY, ...parts, fields })
}

/** Long before the response's `Date`, so `Last-Modified` is a strong validator. */
const MODIFIED = httpDate(-1_000)

describe.each(INTERFACES)("a range of a stored response, requested %s,", (_, way) => {
  test.each([
    ["bytes=2-4", "234", "2-4"],
    ["bytes=0-0", "0", "0-0"],
    ["bytes=9-9", "9", "9-9"],
    ["bytes=0-", BODY, "0-9"],
    ["bytes=7-", "789", "7-9"],
    ["bytes=-3", "789", "7-9"],
    ["bytes=8-99", "89", "8-9"],
    ["bytes=-99", BODY, "0-9"],
    ["Bytes=2-4", "234", "2-4"],
  ])("of %s gets a 206 with %s", (range, text, place) =>
    way({ fields: { ETag: '"v1"', "Content-Type": "text/plain" } }, 5, async (sendGet, cache) => {
      const seen = await sendGet({ Range: range })
      expect([seen.status, seen.reason, seen.text]).toEqual([206, "Partial Content", text])
      expect(seen.fields).toEqual({
        age: "5",
        "cache-control": "max-age=60",
        "cache-status": `${cache}; hit; ttl=55`,
        "content-length": String(text.length),
        "content-range": `bytes ${place}/10`,
        "content-type": "text/plain",
        date: httpDate(0),
        etag: '"v1"',
      })
    }),
  )

  test.each(["bytes=10-", "bytes=99-100", "bytes=-0"])("of %s gets a 416", (range) =>
    way({ fields: { ETag: '"v1"', "Content-Type": "text/plain" } }, 5, async (sendGet, cache) => {
      const seen = await sendGet({ Range: range })
      expect([seen.status, seen.reason, seen.text]).toEqual([416, "Range Not Satisfiable", ""])
      expect(seen.fields).toEqual({
        age: "5",
        "cache-status": `${cache}; hit; ttl=55`,
        "content-length": "0",
        "content-range": "bytes */10",
        date: httpDate(0),
      })
    }),
  )

  test.each([
    "bytes=0-1, 4-5",
    "bytes=0-1,1-2",
    "bytes=5-2",
    "bytes=",
    "bytes=a-b",
    "bytes=--1",
    "items=0-1",
    "0-1",
    "",
  ])("of %p is ignored, because it is invalid or has several parts", (range) =>
    way({}, 5, async (sendGet) => {
      const { status, text, fields } = await sendGet({ Range: range })
      expect([status, text, fields["content-range"]]).toEqual([200, BODY, undefined])
    }),
  )

  test.each<[string, Record<string, string>, string, number]>([
    ["its entity tag", { ETag: '"v1"' }, '"v1"', 206],
    ["another entity tag", { ETag: '"v1"' }, '"v2"', 200],
    ["its entity tag as a weak one", { ETag: '"v1"' }, 'W/"v1"', 200],
    ["its weak entity tag", { ETag: 'W/"v1"' }, 'W/"v1"', 200],
    ["an asterisk", { ETag: '"v1"' }, "*", 200],
    ["neither an entity tag nor a date", { ETag: '"v1"' }, "v1", 200],
    ["its last modification", { "Last-Modified": MODIFIED }, MODIFIED, 206],
    ["its last modification beside an entity tag", { ETag: '"v1"' }, MODIFIED, 200],
    ["a later date", { "Last-Modified": MODIFIED }, httpDate(-999), 200],
    ["an earlier date", { "Last-Modified": MODIFIED }, httpDate(-1_001), 200],
    [
      "a last modification within the second of its Date",
      { "Last-Modified": httpDate(0) },
      httpDate(0),
      200,
    ],
    ["its Date", {}, httpDate(0), 200],
  ])("under If-Range with %s gets the status of the comparison", (_name, fields, value, status) =>
    way({ fields }, 5, async (sendGet) => {
      const seen = await sendGet({ Range: "bytes=2-4", "If-Range": value })
      expect([seen.status, seen.text]).toEqual([status, status === 206 ? "234" : BODY])
      // If the validator differs, the cache ignores an unsatisfiable range too.
      const beyond = await sendGet({ Range: "bytes=99-", "If-Range": value })
      expect(beyond.status).toBe(status === 206 ? 416 : 200)
    }),
  )

  test("is ignored if If-None-Match matches", () =>
    way({ fields: { ETag: '"v1"' } }, 5, async (sendGet) => {
      const range = { Range: "bytes=2-4" }
      expect((await sendGet({ ...range, "If-None-Match": '"v1"' })).status).toBe(304)
      expect((await sendGet({ ...range, "If-None-Match": '"v2"' })).status).toBe(206)
    }))

  test("of an empty body gets a 416", () =>
    way({ body: "" }, 5, async (sendGet) => {
      const seen = await sendGet({ Range: "bytes=0-" })
      expect([seen.status, seen.fields["content-range"]]).toEqual([416, "bytes */0"])
    }))
})

describe("match() with a range", () => {
  test("of a HEAD gets the whole head", async () => {
    const module = freshCache()
    const head = (headers = {}) => new Request(url("/a"), { method: "HEAD", headers })
    await module.put(head(), new Response(null, { headers: { "content-length": "10" } }))
    const response = await mustMatch(module, head({ range: "bytes=0-1" }))
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "10"])
  })

  test("of a response without a body gets the response", async () => {
    const module = freshCache()
    await module.put(url("/a"), new Response(null))
    expect((await mustMatch(module, get("/a", { range: "bytes=0-1" }))).status).toBe(200)
  })

  test("gets a 416 without a body", async () => {
    const module = freshCache()
    await module.put(url("/a"), new Response(BODY))
    expect((await mustMatch(module, get("/a", { range: "bytes=10-" }))).body).toBeNull()
  })

  test.each([
    ["a part", 20_000, 50_000],
    ["the second half", 100_000, 199_999],
  ])("gets %s of a body of 200,000 bytes exactly", async (_, first, last) => {
    const module = freshCache()
    const big = new Uint8Array(200_000).map((_, at) => at % 251)
    await module.put(url("/big"), new Response(big))
    const part = await mustMatch(module, get("/big", { range: `bytes=${first}-${last}` }))
    const bytes = new Uint8Array(await part.arrayBuffer())
    expect(Buffer.compare(bytes, big.subarray(first, last + 1))).toBe(0)
  })
})

describe("a range over HTTP", () => {
  test("of a chunked and coded response has the fields of the complete response", async () => {
    const fields = { ETag: '"v1"', "Content-Encoding": "gzip", "Transfer-Encoding": "chunked" }
    const chunked = storedAnswer(fields, { body: `a\r\n${BODY}\r\n0\r\n\r\n` })
    await withStored(chunked, 5, [], async ({ proxy, module }) => {
      const response = await proxy.get(AT, { Range: "bytes=2-4" })
      expect([response.text, headerLines(response)]).toEqual([
        "234",
        [
          "age: 5",
          "cache-control: max-age=60",
          `cache-status: ${module.identity}; hit; ttl=55`,
          "content-encoding: gzip",
          "content-length: 3",
          "content-range: bytes 2-4/10",
          `date: ${httpDate(0)}`,
          'etag: "v1"',
          "via: 1.1 layeron",
        ],
      ])
    })
  })

  test("is ignored for HEAD", async () => {
    await withStored(storedAnswer({ ETag: '"v1"' }), 5, [], async ({ proxy }) => {
      const head = await proxy.send({ method: "HEAD", target: AT, fields: { Range: "bytes=2-4" } })
      expect([head.status, head.get("content-length")]).toEqual([200, "10"])
    })
  })

  test("of a response that is not stored is forwarded, and the 206 is not stored", async () => {
    await withCache(async ({ proxy, origin }) => {
      const fields = { "Cache-Control": "max-age=60", "Content-Range": "bytes 2-4/10" }
      origin.script(AT, [
        datedAnswer({ status: 206, fields, body: "234" }),
        answerWithControl("max-age=60", { body: BODY }),
      ])
      const range = { Range: "bytes=2-4", "If-Range": '"v1"' }
      const first = await proxy.get(AT, range)
      expect([first.status, first.text, cacheStatusOf(first)]).toEqual([
        206,
        "234",
        "fwd=uri-miss; fwd-status=206; detail=partial-content",
      ])
      // The origin may respond with the whole representation, which the cache stores.
      const second = await proxy.get(AT, range)
      expect([second.status, second.text, cacheStatusOf(second)]).toEqual([
        200,
        BODY,
        "fwd=uri-miss; fwd-status=200; stored; ttl=60",
      ])
      const third = await proxy.get(AT, range)
      expect([third.status, third.text]).toEqual([200, BODY])
      expect((await proxy.get(AT, { Range: "bytes=2-4" })).text).toBe("234")
      const forwarded = origin.requests(AT).map((sent) => [sent.get("range"), sent.get("if-range")])
      expect(forwarded).toEqual(Array(2).fill(["bytes=2-4", '"v1"']))
    })
  })

  test("that the origin cannot satisfy is forwarded, and its 416 is not stored", async () => {
    await withCache(async ({ proxy, origin }) => {
      const fields = { "Content-Range": "bytes */10" }
      origin.script(AT, [
        answerWithControl("max-age=60", { status: 416, fields }),
        storedAnswer({}),
      ])
      const first = await proxy.get(AT, { Range: "bytes=99-" })
      expect([first.status, first.get("content-range")]).toEqual([416, "bytes */10"])
      const second = await proxy.get(AT)
      expect([second.status, second.text]).toEqual([200, BODY])
      expect(receivedConditions(origin)).toEqual([{ range: "bytes=99-" }, {}])
    })
  })
})
