import { httpDate, setClock, stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  cacheStatusOf,
  concurrently,
  datedAnswer,
  headerLines,
  notModified,
  requestCount,
  responses,
  summaryOf,
  withCache,
} from "../helpers/proxy-cache"
import { HOST } from "../helpers/raw-client"
import { answer } from "../helpers/scripted-origin"
import { countEach } from "../helpers/wrap"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("latin1")
const CLIENTS = 100

/** Encodes a body in one chunk, with a trailer. */
function chunked(body: string): string {
  const chunk = body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`
  return `${chunk}0\r\nX-Trailer: 1\r\n\r\n`
}

describe("a fresh response", () => {
  test("is served with all its fields, Date and Age, byte for byte, without a request to the origin", async () => {
    await withCache(async ({ proxy, origin, module }) => {
      const fields = {
        "Cache-Control": "max-age=60",
        "Content-Type": "application/octet-stream",
        ETag: '"v1"',
        "X-Bytes": "caf\xe9",
        "X-Repeated": ["1", "2, 3"],
        "X-Empty": "",
      }
      origin.script(AT, datedAnswer({ reason: "Quite Fine", fields, body: EVERY_BYTE }))
      const first = await proxy.get(AT)
      setClock(7)
      const second = await proxy.get(AT)
      const common = [
        "cache-control: max-age=60",
        "content-length: 256",
        "content-type: application/octet-stream",
        `date: ${httpDate(0)}`,
        'etag: "v1"',
        "via: 1.1 layeron",
        "x-bytes: caf\xe9",
        "x-empty: ",
        "x-repeated: 1, 2, 3",
      ]
      const described = `cache-status: ${module.identity}; `
      expect(headerLines(first)).toEqual(
        [`${described}fwd=uri-miss; fwd-status=200; stored; ttl=60`, ...common].sort(),
      )
      expect(headerLines(second)).toEqual(["age: 7", `${described}hit; ttl=53`, ...common].sort())
      expect([first.head.start, second.head.start]).toEqual(
        Array(2).fill("HTTP/1.1 200 Quite Fine"),
      )
      expect([first.text, second.text]).toEqual([EVERY_BYTE, EVERY_BYTE])
      expect(requestCount(origin)).toBe(1)
    })
  })

  test.each([
    [0, "0", "hit; ttl=60"],
    [0.999, "0", "hit; ttl=59"],
    [1, "1", "hit; ttl=59"],
    [59.999, "59", "hit; ttl=0"],
  ])("has at %d s the Age %s", async (seconds, age, expected) => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, answerWithControl("max-age=60"))
      await proxy.get(AT)
      setClock(seconds)
      const response = await proxy.get(AT)
      expect([response.get("age"), cacheStatusOf(response)]).toEqual([age, expected])
    })
  })

  test("is served until its lifetime ends, and then the request goes to the origin", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [
        answerWithControl("max-age=60", { body: "one" }),
        answerWithControl("max-age=60", { body: "two" }),
      ])
      const texts: string[] = []
      for (const seconds of [0, 59.999, 60, 119.999]) {
        setClock(seconds)
        texts.push((await proxy.get(AT)).text)
      }
      expect([texts, requestCount(origin)]).toEqual([["one", "one", "two", "two"], 2])
    })
  })

  test("that arrived without a Date gets the time of its arrival", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, answer({ fields: { "Cache-Control": "max-age=60" } }))
      await proxy.get(AT)
      setClock(7)
      const response = await proxy.get(AT)
      expect([response.all("date"), response.get("age")]).toEqual([[httpDate(0)], "7"])
    })
  })

  test("keeps its age when the clock steps back by 5 s", async () => {
    await withCache(async ({ proxy, origin }) => {
      setClock(100)
      origin.script(AT, answerWithControl("max-age=60", { fields: { Age: "5" } }))
      await proxy.get(AT)
      setClock(95)
      const response = await proxy.get(AT)
      expect([response.get("age"), cacheStatusOf(response)]).toEqual(["5", "hit; ttl=55"])
    })
  })

  test("is validated after the clock stepped back by more than 5 s", async () => {
    await withCache(async ({ proxy, origin }) => {
      setClock(100)
      const first = answerWithControl("max-age=60", { fields: { ETag: '"a"' }, body: "one" })
      origin.script(AT, [first, notModified({ ETag: '"a"' })])
      await proxy.get(AT)
      setClock(94.999)
      expect(summaryOf(await proxy.get(AT))).toBe("200 one (fwd=stale; fwd-status=304; ttl=60)")
      expect(summaryOf(await proxy.get(AT))).toBe("200 one (hit; ttl=60)")
    })
  })

  test.each([
    ["with a length", (body: string) => ({ body })],
    [
      "in chunks",
      (body: string) => ({ fields: { "Transfer-Encoding": "chunked" }, body: chunked(body) }),
    ],
  ])("that arrived %s, empty, small or large, is served byte for byte", async (_how, parts) => {
    for (const body of ["", "small", EVERY_BYTE.repeat(8_192)]) {
      await withCache(async ({ proxy, origin }) => {
        origin.script(AT, answerWithControl("max-age=60", parts(body)))
        const [first, again] = [await proxy.get(AT), await proxy.get(AT)]
        expect([first.text === body, again.text === body, again.isComplete]).toEqual([
          true,
          true,
          true,
        ])
        expect([cacheStatusOf(again), again.get("x-trailer"), requestCount(origin)]).toEqual([
          "hit; ttl=60",
          undefined,
          1,
        ])
      })
    }
  })

  test.each([
    ["whatever the order of its query", "/a?b=2&a=1", "/a?a=1&b=2", {}],
    ["whatever the case of its host", "/a", "/a", { Host: HOST.toUpperCase() }],
    ["with the explicit default port", "/a", "/a", { Host: `${HOST}:80` }],
    ["requested in absolute form", "/a", `http://${HOST}/a`, { Host: "elsewhere.example" }],
  ])("is found %s", async (_name, first, second, fields) => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(first, answerWithControl("max-age=60", { body: "one" }))
      await proxy.get(first)
      expect(summaryOf(await proxy.get(second, fields))).toBe("200 one (hit; ttl=60)")
      expect(origin.requests()).toHaveLength(1)
    })
  })

  test.each([
    ["another host", "/a", { Host: "other.example" }],
    ["another port", "/a", { Host: `${HOST}:8080` }],
    ["another query", "/a?x", {}],
    ["another case of the path", "/A", {}],
    ["another coding of the path", "/%61", {}],
  ])("does not answer a request for %s", async (_name, target, fields) => {
    await withCache(async ({ proxy, origin }) => {
      origin.script("/a", answerWithControl("max-age=60", { body: "one" }))
      await proxy.get("/a")
      origin.script(target, answerWithControl("max-age=60", { body: "two" }))
      expect((await proxy.get(target, fields)).text).toBe("two")
      expect(origin.requests()).toHaveLength(2)
    })
  })

  test("answers 100 clients at a time, and each of 20 requests on one connection in turn", async () => {
    await withCache(async ({ proxy, origin }) => {
      const body = EVERY_BYTE.repeat(400)
      origin
        .script(AT, answerWithControl("max-age=60", { body }))
        .script("/b", answerWithControl("max-age=60", { body: "b" }))
      await proxy.get(AT)
      await proxy.get("/b")
      const received = await responses(await concurrently(proxy, CLIENTS))
      expect(
        countEach(
          received.map((response) => `${response.text === body} ${cacheStatusOf(response)}`),
        ),
      ).toEqual({
        "true hit; ttl=60": CLIENTS,
      })
      const client = await proxy.connect()
      for (let n = 0; n < 20; n++) client.send({ target: n % 2 === 0 ? "/b" : AT })
      const isDone: boolean[] = []
      for (let n = 0; n < 20; n++)
        isDone.push((await client.response()).text === (n % 2 === 0 ? "b" : body))
      expect([isDone, origin.requests().length]).toEqual([Array(20).fill(true), 2])
    })
  })
})

describe("HEAD", () => {
  test.each([
    ["with a length", { body: "stored" }],
    ["in chunks", { fields: { "Transfer-Encoding": "chunked" }, body: chunked("stored") }],
  ])(
    "is answered from a stored GET that arrived %s, with its length and without a body",
    async (_name, parts) => {
      await withCache(async ({ proxy, origin }) => {
        origin.script(AT, answerWithControl("max-age=60", parts))
        await proxy.get(AT)
        setClock(3)
        const client = await proxy.connect()
        const head = await client.send({ method: "HEAD", target: AT }).response("HEAD")
        expect([
          head.status,
          head.get("content-length"),
          head.get("age"),
          cacheStatusOf(head),
        ]).toEqual([200, "6", "3", "hit; ttl=57"])
        expect(summaryOf(await client.send({ target: AT }).response())).toBe(
          "200 stored (hit; ttl=57)",
        )
        expect(origin.requests().map(({ method }) => method)).toEqual(["GET"])
      })
    },
  )

  test("of a URL without a stored response is forwarded each time, and stores nothing for GET", async () => {
    await withCache(async ({ proxy, origin }) => {
      const head = answerWithControl("max-age=60", { fields: { "Content-Length": "6" } })
      origin.script(AT, [head, head, answerWithControl("max-age=60", { body: "stored" })])
      for (const method of ["HEAD", "HEAD", "GET"]) {
        const response = await proxy.send({ method, target: AT })
        const stored = method === "GET" ? "; stored; ttl=60" : ""
        expect([response.get("content-length"), cacheStatusOf(response)]).toEqual([
          "6",
          `fwd=uri-miss; fwd-status=200${stored}`,
        ])
      }
      expect(origin.requests().map(({ method }) => method)).toEqual(["HEAD", "HEAD", "GET"])
    })
  })
})
