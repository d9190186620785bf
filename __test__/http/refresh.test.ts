import { setClock, stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  datedAnswer,
  outcomesOf,
  requestCount,
  summaryOf,
  withStored,
} from "../helpers/proxy-cache"
import type { Answer } from "../helpers/scripted-origin"
import { collectWarnings } from "../helpers/wrap"

beforeEach(() => {
  stopDate()
  collectWarnings()
})
afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

const OLD = answerWithControl("max-age=60, stale-while-revalidate=30", {
  fields: { ETag: '"v1"' },
  body: "old",
})
const renewed = answerWithControl("max-age=60", { body: "new" })
const reset: Answer = ({ reset }) => reset()

describe("a refresh that fails", () => {
  const failures: [string, Answer][] = [
    ["with a 500", datedAnswer({ status: 500 })],
    ["with a 503", answerWithControl("max-age=60", { status: 503 })],
    ["by a reset", reset],
    [
      "within its body",
      ({ end }) =>
        end("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 9\r\n\r\nnew"),
    ],
  ]

  test.each(failures)(
    "%s leaves the stale response, and the next refreshes follow after 1 s and then 2 s",
    async (_name, failure) => {
      await withStored(OLD, 61, [failure, failure, renewed], async ({ proxy, origin, module }) => {
        const seen: (string | number)[] = []
        for (const [at, isTried] of [
          [61, true],
          [61.999, false],
          [62, true],
          [63.999, false],
          [64, true],
        ] as const) {
          setClock(at)
          const refreshed = isTried ? outcomesOf(module, "refresh") : undefined
          seen.push((await proxy.get(AT)).text)
          seen.push((await refreshed)?.[0]?.split(" ")[0] ?? "left alone", requestCount(origin))
        }
        const expected = [
          "old",
          "failed",
          2,
          "old",
          "left alone",
          2,
          "old",
          "failed",
          3,
          "old",
          "left alone",
          3,
        ]
        expect(seen).toEqual([...expected, "old", "refreshed", 4])
        expect((await proxy.get(AT)).text).toBe("new")
        expect(await module.inspect()).toMatchObject({ failedRefreshes: 2, staleHits: 5 })
      })
    },
  )

  test("does not extend the stale window", async () => {
    await withStored(
      OLD,
      61,
      [reset, datedAnswer({ status: 503, body: "down" })],
      async ({ proxy, origin, module }) => {
        const refreshed = outcomesOf(module, "refresh")
        expect((await proxy.get(AT)).text).toBe("old")
        await refreshed
        setClock(90)
        expect(summaryOf(await proxy.get(AT))).toBe("503 down (fwd=stale; fwd-status=503)")
        expect(requestCount(origin)).toBe(3)
      },
    )
  })

  test("is aborted after the timeout, and the next one follows", async () => {
    const never: Answer = (exchange) => exchange.closedByPeer()
    await withStored(
      OLD,
      61,
      [never, renewed],
      async ({ proxy, origin, module }) => {
        const refreshed = outcomesOf(module, "refresh")
        expect((await proxy.get(AT)).text).toBe("old")
        expect(await refreshed).toEqual([expect.stringMatching(/^failed .*Headers Timeout/)])
        setClock(62)
        const again = outcomesOf(module, "refresh")
        expect((await proxy.get(AT)).text).toBe("old")
        expect([await again, (await proxy.get(AT)).text, requestCount(origin)]).toEqual([
          ["refreshed"],
          "new",
          3,
        ])
      },
      { timeoutMs: 1 },
    )
  })

  test("reaches no client, and the proxy does not report it", async () => {
    await withStored(OLD, 61, [reset], async ({ proxy, module }) => {
      const refreshed = outcomesOf(module, "refresh")
      const client = await proxy.connect()
      for (let n = 0; n < 2; n++) {
        expect(summaryOf(await client.send({ target: AT }).response())).toBe(
          "200 old (hit; ttl=-1; detail=stale)",
        )
      }
      await refreshed
      expect(proxy.reports).toEqual([])
    })
  })
})
