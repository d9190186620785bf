import { setClock, stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  cacheStatusOf,
  datedAnswer,
  receivedConditions,
  requestCount,
  summaryOf,
  withCache,
  withStored,
} from "../helpers/proxy-cache"
import type { Answer } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const TAG = { ETag: '"v1"' }
const BY_TAG = { "if-none-match": '"v1"' }
const old = (control: string) => answerWithControl(control, { fields: TAG, body: "old" })
const WINDOW = "max-age=60, stale-if-error=30"
const reset: Answer = ({ reset }) => reset()
const down = (status: number) => datedAnswer({ status, body: "down" })

describe("within its stale-if-error window a stale response is served instead", () => {
  test.each([500, 502, 503, 504])("of a %d", async (status) => {
    await withStored(old(WINDOW), 61, [down(status)], async ({ proxy, origin, module }) => {
      const response = await proxy.get(AT)
      const expected = `200 old (fwd=stale; fwd-status=${status}; ttl=-1; detail=stale-if-error)`
      expect([summaryOf(response), response.get("age")]).toEqual([expected, "61"])
      expect([receivedConditions(origin), proxy.reports]).toEqual([[{}, BY_TAG], []])
      expect(await module.inspect()).toMatchObject({ staleIfErrorHits: 1, staleHits: 0 })
    })
  })

  test.each<[string, Answer]>([
    ["that is aborted", reset],
    ["that ends at once", ({ end }) => end()],
    ["that ends within the head", ({ end }) => end("HTTP/1.1 200 OK\r\nX-")],
    ["that speaks no HTTP", ({ end }) => end("SSH-2.0-OpenSSH_9.6\r\n")],
  ])("of a response %s", async (_name, answer) => {
    await withStored(old(WINDOW), 61, [answer], async ({ proxy, origin }) => {
      expect(summaryOf(await proxy.get(AT))).toBe(
        "200 old (fwd=stale; ttl=-1; detail=stale-if-error)",
      )
      expect([receivedConditions(origin), proxy.reports]).toEqual([[{}, BY_TAG], []])
    })
  })

  test("of an origin that cannot be reached", async () => {
    await withStored(old(WINDOW), 61, [], async ({ proxy, origin }) => {
      await origin.close()
      expect(summaryOf(await proxy.get(AT))).toBe(
        "200 old (fwd=stale; ttl=-1; detail=stale-if-error)",
      )
      setClock(90)
      expect((await proxy.get(AT)).status).toBe(502)
      expect(proxy.reports).toEqual([expect.stringMatching(/^GET \/a: connect ECONNREFUSED /)])
    })
  })

  test("of a response that does not arrive in time", async () => {
    await withStored(
      old(WINDOW),
      61,
      [(exchange) => exchange.closedByPeer()],
      async ({ proxy, origin }) => {
        expect(summaryOf(await proxy.get(AT))).toBe(
          "200 old (fwd=stale; ttl=-1; detail=stale-if-error)",
        )
        expect(requestCount(origin)).toBe(2)
      },
      { timeoutMs: 1 },
    )
  })

  test.each([400, 403, 404, 410, 429, 501, 505, 599])("but not of a %d", async (status) => {
    await withStored(old(WINDOW), 61, [down(status)], async ({ proxy, origin }) => {
      const response = await proxy.get(AT)
      expect([response.status, response.text, requestCount(origin)]).toEqual([status, "down", 2])
    })
  })

  test.each<[string, Record<string, string>, string, string]>([
    ["with a condition that it meets", { "If-None-Match": '"v1"' }, "304", ""],
    ["with a condition that it does not meet", { "If-None-Match": '"v2"' }, "200", "old"],
    ["for a range", { Range: "bytes=1-" }, "206", "ld"],
  ])("to a client %s as well", async (_name, fields, status, text) => {
    await withStored(old(WINDOW), 61, [down(503)], async ({ proxy }) => {
      const expected = `${status} ${text} (fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error)`
      expect(summaryOf(await proxy.get(AT, fields))).toBe(expected)
    })
  })

  test.each<[string, Answer, string]>([
    [
      "a 503",
      datedAnswer({ status: 503 }),
      "fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error",
    ],
    ["no answer", reset, "fwd=stale; ttl=-1; detail=stale-if-error"],
  ])("of %s to HEAD", async (_name, answer, expected) => {
    await withStored(old(WINDOW), 61, [answer], async ({ proxy }) => {
      const head = await proxy.send({ method: "HEAD", target: AT })
      expect([head.status, head.get("content-length"), cacheStatusOf(head)]).toEqual([
        200,
        "3",
        expected,
      ])
    })
  })
})

describe("the stale-if-error window", () => {
  test.each<[number, string]>([
    [60, "200 old (fwd=stale; fwd-status=503; ttl=0; detail=stale-if-error)"],
    [89.999, "200 old (fwd=stale; fwd-status=503; ttl=-30; detail=stale-if-error)"],
    [90, "503 down (fwd=stale; fwd-status=503)"],
  ])("at %d s gets %s", async (seconds, expected) => {
    await withStored(old(WINDOW), seconds, [down(503)], async ({ proxy }) => {
      expect(summaryOf(await proxy.get(AT))).toBe(expected)
    })
  })

  test("continues after the stale window", async () => {
    const control = "max-age=60, stale-while-revalidate=10, stale-if-error=30"
    await withStored(old(control), 70, [down(503), down(503)], async ({ proxy, origin }) => {
      const expected = "200 old (fwd=stale; fwd-status=503; ttl=-10; detail=stale-if-error)"
      expect(summaryOf(await proxy.get(AT))).toBe(expected)
      setClock(90)
      expect(summaryOf(await proxy.get(AT))).toBe("503 down (fwd=stale; fwd-status=503)")
      expect(requestCount(origin)).toBe(3)
    })
  })

  test("has the length that CDN-Cache-Control declares", async () => {
    const fields = { ...TAG, "CDN-Cache-Control": "max-age=60, stale-if-error=5" }
    const first = answerWithControl(WINDOW, { fields, body: "old" })
    await withStored(first, 64.999, [down(503), down(503)], async ({ proxy }) => {
      expect((await proxy.get(AT)).text).toBe("old")
      setClock(65.2)
      expect((await proxy.get(AT)).text).toBe("down")
    })
  })

  test.each(["must-revalidate", "proxy-revalidate", "no-cache"])(
    "is empty if the response has %s",
    async (forbids) => {
      const first = old(`${WINDOW}, ${forbids}`)
      await withStored(first, 61, [down(503), reset], async ({ proxy, origin }) => {
        expect(summaryOf(await proxy.get(AT))).toBe("503 down (fwd=stale; fwd-status=503)")
        expect((await proxy.get(AT)).status).toBe(502)
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG, BY_TAG])
      })
    },
  )

  test("is empty if neither the response nor an option sets it", async () => {
    await withStored(old("max-age=60"), 60, [down(500), reset], async ({ proxy, origin }) => {
      expect(summaryOf(await proxy.get(AT))).toBe("500 down (fwd=stale; fwd-status=500)")
      const refused = await proxy.get(AT)
      expect([refused.status, refused.text]).toEqual([502, "502 Bad Gateway\n"])
      expect([requestCount(origin), proxy.reports.length]).toEqual([3, 1])
    })
  })

  test.each<[string, Answer, number]>([
    ["an error", down(503), 503],
    ["no answer", reset, 502],
  ])(
    "does not apply to a request that demands validation of a fresh response and gets %s",
    async (_name, answer, status) => {
      await withStored(old("max-age=60"), 30, [answer], async ({ proxy, origin }) => {
        expect((await proxy.get(AT, { "Cache-Control": "no-cache" })).status).toBe(status)
        expect(summaryOf(await proxy.get(AT))).toBe("200 old (hit; ttl=30)")
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG])
      })
    },
  )
})

describe("an origin that has failed", () => {
  test.each<[string, Answer]>([
    ["with a 503", down(503)],
    ["by a reset", reset],
  ])("%s gets no requests for 200 ms, and then for 400", async (_name, failure) => {
    await withStored(
      old(WINDOW),
      61,
      [failure, failure, answerWithControl("max-age=60", { body: "new" })],
      async (stage) => {
        const { proxy, origin } = stage
        const seen: [string, number][] = []
        for (const at of [61, 61, 61.199, 61.2, 61.599, 61.6]) {
          setClock(at)
          seen.push([(await proxy.get(AT)).text, requestCount(origin)])
        }
        expect(seen).toEqual([
          ["old", 2],
          ["old", 2],
          ["old", 2],
          ["old", 3],
          ["old", 3],
          ["new", 4],
        ])
      },
    )
  })

  test("is distinguished in Cache-Status from one that was not requested", async () => {
    await withStored(old(WINDOW), 61, [down(503)], async ({ proxy }) => {
      await proxy.get(AT)
      expect(summaryOf(await proxy.get(AT))).toBe("200 old (hit; ttl=-1; detail=stale-if-error)")
    })
  })

  test("with an empty store fails the clients of the next 200 ms, and then gets the next request", async () => {
    await withCache(async ({ proxy, origin }) => {
      origin.script(AT, [reset, reset, answerWithControl("max-age=60", { body: "up" })])
      const seen: [number, number][] = []
      for (const at of [0, 0, 0.199, 0.2, 0.599, 0.6]) {
        setClock(at)
        seen.push([(await proxy.get(AT)).status, requestCount(origin)])
      }
      expect(seen).toEqual([
        [502, 1],
        [502, 1],
        [502, 1],
        [502, 2],
        [502, 2],
        [200, 3],
      ])
      expect(proxy.reports).toHaveLength(5)
    })
  })
})
