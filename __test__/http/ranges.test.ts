import { httpDate, stopDate } from "../helpers/clock"

import {
  AT,
  type CacheStage,
  conditions,
  dated,
  how,
  lasting,
  lines,
  withCache,
  withStored,
} from "../helpers/proxy-cache"
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

describe("a range of what is stored", () => {
  test.each([
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["bytes=0-0", "0", "bytes 0-0/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-3", "789", "bytes 7-9/10"],
    ["bytes=8-99", "89", "bytes 8-9/10"],
    ["bytes=-99", BODY, "bytes 0-9/10"],
    ["Bytes=2-4", "234", "bytes 2-4/10"],
  ])("%s is answered with a 206", async (range, text, contentRange) => {
    await withStored(kept({}), 5, [], async ({ proxy }) => {
      const response = await proxy.get(AT, { Range: range })
      const { head } = response
      expect([head.start, response.text, how(response)]).toEqual([
        "HTTP/1.1 206 Partial Content",
        text,
        "hit; ttl=55",
      ])
      expect([head.get("content-range"), head.get("content-length")]).toEqual([
        contentRange,
        String(text.length),
      ])
    })
  })

  test.each(["bytes=10-", "bytes=99-100", "bytes=-0"])(
    "%s that it does not have brings a 416",
    async (range) => {
      await withStored(
        kept({ ETag: '"v1"', "Content-Type": "text/plain" }),
        5,
        [],
        async ({ proxy, module }) => {
          const response = await proxy.get(AT, { Range: range })
          expect([response.head.start, response.text]).toEqual([
            "HTTP/1.1 416 Range Not Satisfiable",
            "",
          ])
          expect(lines(response)).toEqual([
            "age: 5",
            `cache-status: ${module.identity}; hit; ttl=55`,
            "content-length: 0",
            "content-range: bytes */10",
            `date: ${httpDate(0)}`,
            "via: 1.1 layeron",
          ])
        },
      )
    },
  )

  test.each(["bytes=0-1, 4-5", "bytes=5-2", "bytes=", "bytes=a-b", "items=0-1", "0-1"])(
    "%s that is none, or several, is not taken notice of",
    async (range) => {
      await withStored(kept({}), 5, [], async ({ proxy }) => {
        const response = await proxy.get(AT, { Range: range })
        const seen = [response.status, response.text, response.get("content-range")]
        expect(seen).toEqual([200, BODY, undefined])
      })
    },
  )

  test.each<[string, AnswerParts["fields"], string, number]>([
    ["its entity tag", { ETag: '"v1"' }, '"v1"', 206],
    ["another entity tag", { ETag: '"v1"' }, '"v2"', 200],
    ["its entity tag as a weak one", { ETag: '"v1"' }, 'W/"v1"', 200],
    ["its weak entity tag", { ETag: 'W/"v1"' }, 'W/"v1"', 200],
    ["any entity tag, which is none", { ETag: '"v1"' }, "*", 200],
    ["when it was modified", { "Last-Modified": MODIFIED }, MODIFIED, 206],
    ["a later date", { "Last-Modified": MODIFIED }, httpDate(-999), 200],
    [
      "when it was modified in the very second of its Date",
      { "Last-Modified": httpDate(0) },
      httpDate(0),
      200,
    ],
    ["its Date", {}, httpDate(0), 200],
  ])("under If-Range with %s", async (_name, stored, validator, status) => {
    await withStored(kept(stored), 5, [], async ({ proxy }) => {
      const response = await proxy.get(AT, { Range: "bytes=2-4", "If-Range": validator })
      expect([response.status, response.text]).toEqual([status, status === 206 ? "234" : BODY])
    })
  })

  test("comes with the fields of the whole, and from a body that came in chunks or coded as well", async () => {
    const fields = { ETag: '"v1"', "Content-Encoding": "gzip", "Transfer-Encoding": "chunked" }
    const use = async ({ proxy, module }: CacheStage) => {
      const response = await proxy.get(AT, { Range: "bytes=2-4" })
      expect([response.text, lines(response)]).toEqual([
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
    }
    await withStored(kept(fields, { body: `a\r\n${BODY}\r\n0\r\n\r\n` }), 5, [], use)
  })

  test("is not given to HEAD, nor to who has it all", async () => {
    await withStored(kept({ ETag: '"v1"' }), 5, [], async ({ proxy }) => {
      const range = { Range: "bytes=2-4" }
      const head = await proxy.send({ method: "HEAD", target: AT, fields: range })
      expect([head.status, head.get("content-length")]).toEqual([200, "10"])
      expect((await proxy.get(AT, { ...range, "If-None-Match": '"v1"' })).status).toBe(304)
      expect((await proxy.get(AT, { ...range, "If-None-Match": '"v2"' })).status).toBe(206)
    })
  })
})

test("a range of what is not stored is passed on, and what comes of it is not stored", async () => {
  await withCache(async ({ proxy, origin }) => {
    const fields = { "Cache-Control": "max-age=60", "Content-Range": "bytes 2-4/10" }
    origin.script(AT, [
      dated({ status: 206, fields, body: "234" }),
      lasting("max-age=60", { body: BODY }),
    ])
    const asking = { Range: "bytes=2-4", "If-Range": '"v1"' }
    const [first, second, third] = [
      await proxy.get(AT, asking),
      await proxy.get(AT, asking),
      await proxy.get(AT, asking),
    ]
    expect([first.status, first.text, how(first)]).toEqual([
      206,
      "234",
      "fwd=uri-miss; fwd-status=206; detail=partial-content",
    ])
    // An origin that sends the whole has it stored.
    expect([second.status, second.text, how(second)]).toEqual([
      200,
      BODY,
      "fwd=uri-miss; fwd-status=200; stored; ttl=60",
    ])
    expect([third.status, third.text]).toEqual([200, BODY])
    expect((await proxy.get(AT, { Range: "bytes=2-4" })).text).toBe("234")
    expect(
      origin.requests(AT).map((request) => [request.get("range"), request.get("if-range")]),
    ).toEqual(Array(2).fill(["bytes=2-4", '"v1"']))
  })
})

test("a range that the origin does not have is passed on, and its 416 answers nobody else", async () => {
  await withCache(async ({ proxy, origin }) => {
    const fields = { "Content-Range": "bytes */10" }
    origin.script(AT, [lasting("max-age=60", { status: 416, fields }), kept({})])
    const first = await proxy.get(AT, { Range: "bytes=99-" })
    expect([first.status, first.get("content-range")]).toEqual([416, "bytes */10"])
    const second = await proxy.get(AT)
    expect([second.status, second.text]).toEqual([200, BODY])
    expect(conditions(origin)).toEqual([{ range: "bytes=99-" }, {}])
  })
})
