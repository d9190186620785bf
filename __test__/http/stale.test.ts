import { stopDate } from "../helpers/clock"
import {
  AT,
  afterGate,
  answerWithControl,
  cacheStatusOf,
  concurrently,
  notModified,
  outcomesOf,
  receivedConditions,
  requestCount,
  responses,
  summaryOf,
  withStored,
} from "../helpers/proxy-cache"
import { gate } from "../helpers/scripted-origin"
import { countEach } from "../helpers/wrap"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const WINDOW = "max-age=60, stale-while-revalidate=30"
const TAG = { ETag: '"v1"' }
const BY_TAG = { "if-none-match": '"v1"' }
const old = (control = WINDOW) => answerWithControl(control, { fields: TAG, body: "old" })
const renewed = answerWithControl("max-age=60", { body: "new" })

describe("within its stale window a response", () => {
  test("is served at once during the refresh, and the next clients get the refreshed response", async () => {
    const isReady = gate()
    await withStored(
      old(),
      61,
      [afterGate(isReady, renewed)],
      async ({ proxy, origin, module }) => {
        const refreshed = outcomesOf(module, "refresh")
        for (let client = 0; client < 3; client++) {
          const response = await proxy.get(AT)
          expect([summaryOf(response), response.get("age")]).toEqual([
            "200 old (hit; ttl=-1; detail=stale)",
            "61",
          ])
        }
        await origin.received(AT, 2)
        isReady.open()
        expect(await refreshed).toEqual(["refreshed"])
        expect(summaryOf(await proxy.get(AT))).toBe("200 new (hit; ttl=60)")
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG])
      },
    )
  })

  test("is freshened by a 304", async () => {
    await withStored(
      old(),
      61,
      [notModified({ "X-New": "1" })],
      async ({ proxy, origin, module }) => {
        const refreshed = outcomesOf(module, "refresh")
        await proxy.get(AT)
        expect(await refreshed).toEqual(["refreshed"])
        const response = await proxy.get(AT)
        expect([summaryOf(response), response.get("x-new"), requestCount(origin)]).toEqual([
          "200 old (hit; ttl=60)",
          "1",
          2,
        ])
      },
    )
  })

  test("is served to 100 concurrent clients, with one request to the origin", async () => {
    const isReady = gate()
    await withStored(
      old(),
      61,
      [afterGate(isReady, renewed)],
      async ({ proxy, origin, module }) => {
        const refreshed = outcomesOf(module, "refresh")
        const received = await responses(await concurrently(proxy, 100))
        expect(countEach(received.map(summaryOf))).toEqual({
          "200 old (hit; ttl=-1; detail=stale)": 100,
        })
        isReady.open()
        await refreshed
        expect(countEach((await responses(await concurrently(proxy, 100))).map(summaryOf))).toEqual(
          {
            "200 new (hit; ttl=60)": 100,
          },
        )
        expect(requestCount(origin)).toBe(2)
      },
    )
  })

  test.each<[number, string, string]>([
    [59.999, "hit; ttl=0", "fresh"],
    [60, "hit; ttl=0; detail=stale", "stale"],
    [89.999, "hit; ttl=-30; detail=stale", "stale"],
    [90, "fwd=stale; fwd-status=200; stored; ttl=60", "over"],
  ])("at %d s is %p", async (seconds, expected, state) => {
    await withStored(old(), seconds, [renewed], async ({ proxy, origin, module }) => {
      const refreshed = state === "stale" ? outcomesOf(module, "refresh") : undefined
      expect(cacheStatusOf(await proxy.get(AT))).toBe(expected)
      await refreshed
      expect(requestCount(origin)).toBe(state === "fresh" ? 1 : 2)
    })
  })

  test.each(["must-revalidate", "proxy-revalidate", "no-cache"])(
    "is not served if it declares %s",
    async (forbids) => {
      await withStored(old(`${WINDOW}, ${forbids}`), 61, [renewed], async ({ proxy, origin }) => {
        expect(summaryOf(await proxy.get(AT))).toBe(
          "200 new (fwd=stale; fwd-status=200; stored; ttl=60)",
        )
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG])
      })
    },
  )

  test.each<[string, Record<string, string>, string, string]>([
    ["HEAD", {}, "HEAD", "200  (hit; ttl=-1; detail=stale)"],
    ["a condition", { "If-None-Match": '"v1"' }, "GET", "304  (hit; ttl=-1; detail=stale)"],
    ["a range", { Range: "bytes=1-" }, "GET", "206 ld (hit; ttl=-1; detail=stale)"],
  ])(
    "answers %s from the stale response, and is refreshed completely",
    async (_name, fields, method, expected) => {
      await withStored(old(), 61, [renewed], async ({ proxy, origin, module }) => {
        const refreshed = outcomesOf(module, "refresh")
        expect(summaryOf(await proxy.send({ method, target: AT, fields }))).toBe(expected)
        expect(await refreshed).toEqual(["refreshed"])
        expect(summaryOf(await proxy.get(AT))).toBe("200 new (hit; ttl=60)")
        expect(receivedConditions(origin)).toEqual([{}, BY_TAG])
        expect(origin.requests(AT).map((request) => request.method)).toEqual(["GET", "GET"])
      })
    },
  )

  test("is refreshed even if its client has left", async () => {
    const isGone = gate()
    await withStored(old(), 61, [afterGate(isGone, renewed)], async ({ proxy, origin, module }) => {
      const refreshed = outcomesOf(module, "refresh")
      const client = await proxy.connect()
      await client.send({ target: AT }).response()
      await origin.received(AT, 2)
      client.close()
      await client.closed
      isGone.open()
      expect(await refreshed).toEqual(["refreshed"])
      expect((await proxy.get(AT)).text).toBe("new")
    })
  })

  test.each<[string, Record<string, string>]>([
    ["with credentials", { Authorization: "Basic dTpw" }],
    ["that wants nothing stored", { "Cache-Control": "no-store" }],
  ])("is served to a client %s, and is still refreshed for others", async (_name, fields) => {
    await withStored(old(), 61, [renewed, renewed], async ({ proxy, origin }) => {
      expect((await proxy.get(AT, fields)).text).toBe("old")
      const seen: string[] = []
      while (seen.at(-1) !== "new" && seen.length < 20) seen.push((await proxy.get(AT)).text)
      expect(seen.at(-1)).toBe("new")
      expect(origin.requests(AT).at(-1)?.get("authorization")).toBeUndefined()
    })
  })
})
