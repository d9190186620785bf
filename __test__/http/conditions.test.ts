import { httpDate, stopDate } from "../helpers/clock"

import { AT, type CacheStage, how, lasting, lines, withStored } from "../helpers/proxy-cache"
import type { Answer, AnswerParts } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const BODY = "0123456789"
/** Stored for a minute, and 5 s old when it is asked for. */
function kept(fields: AnswerParts["fields"], parts: AnswerParts = {}): Answer {
  return lasting("max-age=60", { body: BODY, ...parts, fields })
}

/** Long before the date of the response, and so a strong validator. */
const MODIFIED = httpDate(-1_000)

describe("a condition that is evaluated by what is stored", () => {
  const TAGGED = { ETag: '"v1"', "Last-Modified": MODIFIED }
  const DATED = { "Last-Modified": MODIFIED }

  test.each<[string, AnswerParts["fields"], Record<string, string | string[]>, number]>([
    ["its entity tag", TAGGED, { "If-None-Match": '"v1"' }, 304],
    ["its entity tag as a weak one", TAGGED, { "If-None-Match": 'W/"v1"' }, 304],
    ["its weak entity tag as a strong one", { ETag: 'W/"v1"' }, { "If-None-Match": '"v1"' }, 304],
    ["its entity tag in a list", TAGGED, { "If-None-Match": '"x" ,, W/"v1", "y"' }, 304],
    ["its entity tag on a second line", TAGGED, { "If-None-Match": ['"x"', '"v1"'] }, 304],
    ["its entity tag with a comma", { ETag: '"a, b"' }, { "If-None-Match": '"a, b"' }, 304],
    ["any entity tag", TAGGED, { "If-None-Match": "*" }, 304],
    ["any entity tag where it has none", DATED, { "If-None-Match": "*" }, 304],
    ["another entity tag", TAGGED, { "If-None-Match": '"v2"' }, 200],
    ["part of its entity tag", { ETag: '"a, b"' }, { "If-None-Match": '"a", "b"' }, 200],
    ["its entity tag in another case", TAGGED, { "If-None-Match": '"V1"' }, 200],
    ["its entity tag without quotes", TAGGED, { "If-None-Match": "v1" }, 200],
    ["an entity tag where it has none", DATED, { "If-None-Match": '"v1"' }, 200],
    ["when it was modified", DATED, { "If-Modified-Since": MODIFIED }, 304],
    ["a later date", DATED, { "If-Modified-Since": httpDate(-999) }, 304],
    ["an earlier date", DATED, { "If-Modified-Since": httpDate(-1_001) }, 200],
    ["a date of RFC 850", DATED, { "If-Modified-Since": "Sunday, 31-Dec-23 23:43:20 GMT" }, 304],
    ["a date of asctime", DATED, { "If-Modified-Since": "Sun Dec 31 23:43:20 2023" }, 304],
    ["what is no date", DATED, { "If-Modified-Since": "yesterday" }, 200],
    [
      "its Date where it does not say when it was modified",
      {},
      { "If-Modified-Since": httpDate(0) },
      304,
    ],
    ["a date before its Date", {}, { "If-Modified-Since": httpDate(-1) }, 200],
    [
      "another entity tag, whatever the date",
      TAGGED,
      { "If-None-Match": '"v2"', "If-Modified-Since": httpDate(5) },
      200,
    ],
    [
      "its entity tag, whatever the date",
      TAGGED,
      { "If-None-Match": '"v1"', "If-Modified-Since": httpDate(-9_999) },
      304,
    ],
  ])("%s", async (_name, stored, fields, status) => {
    await withStored(kept(stored), 5, [], async ({ proxy }) => {
      for (const method of ["GET", "HEAD"]) {
        const client = await proxy.connect()
        const response = await client.send({ method, target: AT, fields }).response(method)
        const body = status === 200 && method === "GET" ? BODY : ""
        expect([response.status, response.text, how(response)]).toEqual([
          status,
          body,
          "hit; ttl=55",
        ])
        client.send({ target: AT, fields: { "If-None-Match": '"else"' } })
        expect((await client.response()).text).toBe(BODY)
      }
    })
  })

  test("brings a 304 with the fields that a cache can use, and without those of the body", async () => {
    const stored = {
      "Content-Type": "text/plain",
      "Content-Language": "en",
      "Content-Location": "/a.txt",
      ETag: '"v1"',
      Expires: httpDate(60),
      "Last-Modified": MODIFIED,
      Vary: "X-A",
      "X-Other": "1",
    }
    await withStored(kept(stored), 5, [], async ({ proxy, module }) => {
      const response = await proxy.get(AT, { "If-None-Match": '"v1"' })
      expect(response.head.start).toBe("HTTP/1.1 304 Not Modified")
      expect(lines(response)).toEqual([
        "age: 5",
        "cache-control: max-age=60",
        `cache-status: ${module.identity}; hit; ttl=55`,
        "content-location: /a.txt",
        `date: ${httpDate(0)}`,
        'etag: "v1"',
        `expires: ${httpDate(60)}`,
        "vary: X-A",
        "via: 1.1 layeron",
        "x-other: 1",
      ])
    })
  })

  test("says when it was modified where there is no entity tag to say it by", async () => {
    await withStored(kept({ "Last-Modified": MODIFIED }), 5, [], async ({ proxy }) => {
      const response = await proxy.get(AT, { "If-Modified-Since": MODIFIED })
      expect([response.status, response.get("last-modified")]).toEqual([304, MODIFIED])
    })
  })

  test.each([203, 404, 410])("does not count for a stored %d", async (status) => {
    const use = async ({ proxy }: CacheStage) => {
      for (const fields of [{ "If-None-Match": "*" }, { Range: "bytes=0-1" }]) {
        const response = await proxy.get(AT, fields)
        expect([response.status, response.text, how(response)]).toEqual([
          status,
          BODY,
          "hit; ttl=55",
        ])
      }
    }
    await withStored(kept({ ETag: '"v1"' }, { status }), 5, [], use)
  })
})
