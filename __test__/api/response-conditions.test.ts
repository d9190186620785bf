import type { CacheModule } from "@layeron/modules"
import { found, freshCache, get, url } from "../helpers/cache"
import { httpDate, setClock, stopClock } from "../helpers/clock"

const BODY = "0123456789"

beforeEach(stopClock)
afterEach(() => jest.useRealTimers())

async function storing(
  headers: Record<string, string>,
  init: ResponseInit = {},
): Promise<CacheModule> {
  const module = freshCache({ ttlSeconds: 60 })
  await module.put(url("/a"), new Response(BODY, { ...init, headers }))
  return module
}

async function answer(
  module: CacheModule,
  headers: Record<string, string>,
): Promise<[number, string]> {
  const response = await found(module, get("/a", headers))
  return [response.status, await response.text()]
}

const WHOLE = [200, BODY]
const NOT_MODIFIED = [304, ""]

describe("If-None-Match", () => {
  test.each<[string, string, unknown]>([
    ['"v1"', '"v1"', NOT_MODIFIED],
    ['"v1"', 'W/"v1"', NOT_MODIFIED],
    ['W/"v1"', '"v1"', NOT_MODIFIED],
    ['"v1"', '"v0", W/"v1" ,"v2"', NOT_MODIFIED],
    ['"v,1"', '"v", "v,1"', NOT_MODIFIED],
    ['"v1"', "*", NOT_MODIFIED],
    ['"v1"', '"v0"', WHOLE],
    ['"v1"', '"V1"', WHOLE],
    ['"v1"', '"v1', WHOLE],
    ['"v,1"', '"v", "1"', WHOLE],
    ['""', '""', NOT_MODIFIED],
  ])("on an ETag of %s, %s is answered by %j", async (etag, asked, expected) => {
    expect(await answer(await storing({ etag }), { "if-none-match": asked })).toEqual(expected)
  })

  test.each([
    ["*", NOT_MODIFIED],
    ['"v1"', WHOLE],
  ])("without an ETag, %s is answered by %j", async (asked, expected) => {
    expect(await answer(await storing({}), { "if-none-match": asked })).toEqual(expected)
  })

  test("is an entry's matter: on a miss it is a miss", async () => {
    expect(await freshCache().match(get("/a", { "if-none-match": "*" }))).toBeUndefined()
  })

  test("counts as a hit", async () => {
    const module = await storing({ etag: '"v1"' })
    await answer(module, { "if-none-match": '"v1"' })
    expect(await module.stats()).toMatchObject({ hits: 1, misses: 0 })
  })
})

describe("If-Modified-Since", () => {
  test.each<[string, Record<string, string>, string, unknown]>([
    ["Last-Modified", { "last-modified": httpDate(-100) }, httpDate(-100), NOT_MODIFIED],
    ["Last-Modified", { "last-modified": httpDate(-100) }, httpDate(-99), NOT_MODIFIED],
    ["Last-Modified", { "last-modified": httpDate(-100) }, httpDate(-101), WHOLE],
    ["Last-Modified", { "last-modified": httpDate(-100) }, "yesterday", WHOLE],
    [
      "Last-Modified before Date",
      { "last-modified": httpDate(-100), date: httpDate(-10) },
      httpDate(-50),
      NOT_MODIFIED,
    ],
    ["Date", { date: httpDate(-10) }, httpDate(-10), NOT_MODIFIED],
    ["Date", { date: httpDate(-10) }, httpDate(-11), WHOLE],
    ["no date at all", {}, httpDate(100), WHOLE],
  ])("on a response with %s %j, %s is answered by %j", async (_, headers, since, expected) => {
    expect(await answer(await storing(headers), { "if-modified-since": since })).toEqual(expected)
  })

  test.each([
    ['"v1"', httpDate(-101), NOT_MODIFIED],
    ['"v0"', httpDate(0), WHOLE],
  ])("gives way to If-None-Match: %s with %s is answered by %j", async (tag, since, expected) => {
    const module = await storing({ etag: '"v1"', "last-modified": httpDate(-100) })
    expect(await answer(module, { "if-none-match": tag, "if-modified-since": since })).toEqual(
      expected,
    )
  })
})

describe("a 304", () => {
  test("has the fields that a cache needs, and none that describe the body", async () => {
    const module = await storing({
      etag: '"v1"',
      "last-modified": httpDate(-100),
      "content-length": "10",
      "content-type": "text/plain",
      "content-encoding": "identity",
      "content-language": "en",
      "content-location": "/b",
      date: httpDate(0),
      expires: httpDate(60),
      vary: "accept",
    })
    setClock(7)
    const response = await found(module, get("/a", { "if-none-match": '"v1"' }))
    expect(response.body).toBeNull()
    expect([response.statusText, response.ok]).toEqual(["Not Modified", false])
    expect(Object.fromEntries(response.headers)).toEqual({
      age: "7",
      "cache-control": "public, max-age=60",
      "cache-status": `${module.identity}; hit; ttl=53`,
      "content-location": "/b",
      date: httpDate(0),
      etag: '"v1"',
      expires: httpDate(60),
      vary: "accept",
    })
  })

  test("keeps Last-Modified where there is no ETag to go by", async () => {
    const module = await storing({ "last-modified": httpDate(-100) })
    const response = await found(module, get("/a", { "if-modified-since": httpDate(0) }))
    expect(response.headers.get("last-modified")).toBe(httpDate(-100))
  })

  test("answers HEAD as well", async () => {
    const module = freshCache()
    const head = (headers = {}) => new Request(url("/a"), { method: "HEAD", headers })
    await module.put(head(), new Response(null, { headers: { etag: '"v1"' } }))
    expect((await found(module, head({ "if-none-match": '"v1"' }))).status).toBe(304)
  })

  test("is not the answer to a stored 404", async () => {
    const module = await storing({ etag: '"v1"' }, { status: 404 })
    expect(await answer(module, { "if-none-match": '"v1"' })).toEqual([404, BODY])
  })
})

describe("Range", () => {
  test.each([
    ["bytes=0-0", "0", "0-0"],
    ["bytes=2-4", "234", "2-4"],
    ["bytes=7-", "789", "7-9"],
    ["bytes=9-9", "9", "9-9"],
    ["bytes=8-99", "89", "8-9"],
    ["bytes=0-", BODY, "0-9"],
    ["bytes=-3", "789", "7-9"],
    ["bytes=-99", BODY, "0-9"],
  ])("%s is answered by a 206 with %s", async (range, body, place) => {
    const module = await storing({
      "content-length": "10",
      "content-type": "text/plain",
      etag: '"v1"',
    })
    const response = await found(module, get("/a", { range }))
    expect([response.status, response.statusText]).toEqual([206, "Partial Content"])
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-range": `bytes ${place}/10`,
      "content-length": String(body.length),
      "content-type": "text/plain",
      etag: '"v1"',
    })
    expect(await response.text()).toBe(body)
  })

  test.each(["bytes=10-", "bytes=99-100", "bytes=-0"])(
    "%s is answered by a 416 without a body",
    async (range) => {
      const response = await found(
        await storing({ "content-type": "text/plain" }),
        get("/a", { range }),
      )
      expect([response.status, response.body]).toEqual([416, null])
      expect(response.headers.get("content-range")).toBe("bytes */10")
      expect(response.headers.get("content-type")).toBeNull()
    },
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
  ])("of %s is ignored", async (range) => {
    expect(await answer(await storing({}), { range })).toEqual(WHOLE)
  })

  test("is ignored for HEAD", async () => {
    const module = freshCache()
    const head = (headers = {}) => new Request(url("/a"), { method: "HEAD", headers })
    await module.put(head(), new Response(null, { headers: { "content-length": "10" } }))
    const response = await found(module, head({ range: "bytes=0-1" }))
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "10"])
  })

  test("is ignored for a stored 404 and for a response without body", async () => {
    expect(await answer(await storing({}, { status: 404 }), { range: "bytes=0-1" })).toEqual([
      404,
      BODY,
    ])
    const module = freshCache()
    await module.put(url("/a"), new Response(null))
    expect((await found(module, get("/a", { range: "bytes=0-1" }))).status).toBe(200)
  })

  test("of an empty body is a 416", async () => {
    const module = freshCache()
    await module.put(url("/a"), new Response(""))
    const response = await found(module, get("/a", { range: "bytes=0-" }))
    expect([response.status, response.headers.get("content-range")]).toEqual([416, "bytes */0"])
  })

  test.each([
    ["inside", 20_000, 50_000],
    ["of just the second half", 100_000, 199_999],
  ])("%s of a big body has its bytes and no others", async (_, first, last) => {
    const module = freshCache()
    const big = new Uint8Array(200_000).map((_, at) => at % 251)
    await module.put(url("/big"), new Response(big))
    const part = await found(module, get("/big", { range: `bytes=${first}-${last}` }))
    expect(
      Buffer.compare(new Uint8Array(await part.arrayBuffer()), big.subarray(first, last + 1)),
    ).toBe(0)
  })

  test("gives way to If-None-Match", async () => {
    const headers = { range: "bytes=0-1", "if-none-match": '"v1"' }
    expect(await answer(await storing({ etag: '"v1"' }), headers)).toEqual(NOT_MODIFIED)
    expect(await answer(await storing({ etag: '"v2"' }), headers)).toEqual([206, "01"])
  })
})

describe("If-Range", () => {
  const MODIFIED = httpDate(-100)

  test.each<[string, string, string, number]>([
    ["the strong tag of the entry", '"v1"', '"v1"', 206],
    ["another tag", '"v1"', '"v0"', 200],
    ["a weak tag", '"v1"', 'W/"v1"', 200],
    ["a weak tag of a weak one", 'W/"v1"', 'W/"v1"', 200],
    ["the date of the entry", '"v1"', MODIFIED, 206],
    ["a later date", '"v1"', httpDate(-99), 200],
    ["an earlier date", '"v1"', httpDate(-101), 200],
    ["nonsense", '"v1"', "v1", 200],
  ])("of %s decides: %s and %s give a %i", async (_, etag, validator, status) => {
    const module = await storing({ etag, "last-modified": MODIFIED })
    expect((await answer(module, { range: "bytes=0-1", "if-range": validator }))[0]).toBe(status)
  })

  test("turns a range that cannot be had into the whole", async () => {
    const module = await storing({ etag: '"v1"' })
    expect(await answer(module, { range: "bytes=99-", "if-range": '"v0"' })).toEqual(WHOLE)
  })
})
