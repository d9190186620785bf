import { FORWARDING_INTERFACES, type OriginAnswer } from "../helpers/answered-cache"
import { setClock, stopDate } from "../helpers/clock"
import { AT, afterGate, answerWithControl, outcomesOf, withStored } from "../helpers/proxy-cache"
import { gate } from "../helpers/scripted-origin"
import { countEach, counts } from "../helpers/wrap"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const WINDOW = "max-age=60, stale-while-revalidate=30"
const BY_TAG = { "if-none-match": '"v1"' }
const old = (control = WINDOW): OriginAnswer => ({
  fields: { ETag: '"v1"', "Cache-Control": control },
  body: "old",
})
const renewed: OriginAnswer = { fields: { "Cache-Control": "max-age=60" }, body: "new" }
const CLIENTS = 100

describe.each(FORWARDING_INTERFACES)("%s, within its stale window a response", (_, withAnswers) => {
  test("is served at once during the refresh, and the next clients get the refreshed response", async () => {
    const isReady = gate()
    const answers = [old(), { ...renewed, after: isReady.opened }]
    await withAnswers(answers, async ({ send, conditions, module }) => {
      await send()
      setClock(61)
      const refreshed = outcomesOf(module, "refresh")
      for (let client = 0; client < 3; client++) {
        const response = await send()
        const expected = ["200 old (hit; ttl=-1; detail=stale)", "61"]
        expect([response.summary, response.get("age")]).toEqual(expected)
      }
      isReady.open()
      expect(await refreshed).toEqual(["refreshed"])
      expect((await send()).summary).toBe("200 new (hit; ttl=60)")
      expect(conditions()).toEqual([{}, BY_TAG])
      expect(await counts(module)).toEqual({
        hits: 4,
        misses: 1,
        puts: 2,
        staleHits: 3,
        elections: 1,
      })
    })
  })

  test("is freshened by a 304", async () => {
    const confirmed = { status: 304, fields: { "X-New": "1" } }
    await withAnswers([old(), confirmed], async ({ send, conditions, module }) => {
      await send()
      setClock(61)
      const refreshed = outcomesOf(module, "refresh")
      await send()
      expect(await refreshed).toEqual(["refreshed"])
      const response = await send()
      expect([response.summary, response.get("x-new")]).toEqual(["200 old (hit; ttl=60)", "1"])
      expect(conditions()).toEqual([{}, BY_TAG])
      expect(await counts(module)).toMatchObject({ puts: 1, revalidations: 1 })
    })
  })

  test("is served to 100 concurrent clients, with one request to the origin", async () => {
    const isReady = gate()
    const answers = [old(), { ...renewed, after: isReady.opened }]
    await withAnswers(answers, async ({ send, forwarded, module }) => {
      const summaries = async () => {
        const received = await Promise.all(Array.from({ length: CLIENTS }, () => send()))
        return countEach(received.map(({ summary }) => summary))
      }
      await send()
      setClock(61)
      const refreshed = outcomesOf(module, "refresh")
      expect(await summaries()).toEqual({ "200 old (hit; ttl=-1; detail=stale)": CLIENTS })
      isReady.open()
      await refreshed
      expect(await summaries()).toEqual({ "200 new (hit; ttl=60)": CLIENTS })
      expect(forwarded()).toHaveLength(2)
    })
  })

  test.each<[number, string, string]>([
    [59.999, "200 old (hit; ttl=0)", "fresh"],
    [60, "200 old (hit; ttl=0; detail=stale)", "stale"],
    [89.999, "200 old (hit; ttl=-30; detail=stale)", "stale"],
    [90, "200 new (fwd=stale; fwd-status=200; stored; ttl=60)", "expired"],
  ])("at %d s is %p", async (seconds, expected, state) => {
    await withAnswers([old(), renewed], async ({ send, forwarded, module }) => {
      await send()
      setClock(seconds)
      const refreshed = state === "stale" ? outcomesOf(module, "refresh") : undefined
      expect((await send()).summary).toBe(expected)
      await refreshed
      expect(forwarded()).toHaveLength(state === "fresh" ? 1 : 2)
    })
  })

  test.each(["must-revalidate", "proxy-revalidate", "no-cache"])(
    "is not served if it declares %s",
    async (forbids) => {
      await withAnswers([old(`${WINDOW}, ${forbids}`), renewed], async ({ send, conditions }) => {
        await send()
        setClock(61)
        const expected = "200 new (fwd=stale; fwd-status=200; stored; ttl=60)"
        expect((await send()).summary).toBe(expected)
        expect(conditions()).toEqual([{}, BY_TAG])
      })
    },
  )

  test.each<[string, Record<string, string>, "GET" | "HEAD", string]>([
    ["HEAD", {}, "HEAD", "200  (hit; ttl=-1; detail=stale)"],
    ["a condition", { "If-None-Match": '"v1"' }, "GET", "304  (hit; ttl=-1; detail=stale)"],
    ["a range", { Range: "bytes=1-" }, "GET", "206 ld (hit; ttl=-1; detail=stale)"],
  ])(
    "answers %s from the stale response, and is refreshed completely",
    async (_name, fields, method, expected) => {
      await withAnswers([old(), renewed], async ({ send, forwarded, conditions, module }) => {
        await send()
        setClock(61)
        const refreshed = outcomesOf(module, "refresh")
        expect((await send(fields, method)).summary).toBe(expected)
        expect(await refreshed).toEqual(["refreshed"])
        expect((await send()).summary).toBe("200 new (hit; ttl=60)")
        expect(conditions()).toEqual([{}, BY_TAG])
        expect(forwarded().map((request) => request.method)).toEqual(["GET", "GET"])
      })
    },
  )

  test.each<[string, Record<string, string>]>([
    ["with credentials", { Authorization: "Basic dTpw" }],
    ["that wants nothing stored", { "Cache-Control": "no-store" }],
  ])("is served to a client %s, and is still refreshed for others", async (_name, fields) => {
    await withAnswers([old(), renewed, renewed], async ({ send, forwarded }) => {
      await send()
      setClock(61)
      expect((await send(fields)).text).toBe("old")
      const seen: string[] = []
      while (seen.at(-1) !== "new" && seen.length < 20) seen.push((await send()).text)
      expect(seen.at(-1)).toBe("new")
      expect(forwarded().at(-1)?.get("authorization")).toBeUndefined()
    })
  })
})

test("a stale response is refreshed even if its client has left", async () => {
  const isGone = gate()
  const first = answerWithControl(WINDOW, { body: "old" })
  const next = afterGate(isGone, answerWithControl("max-age=60", { body: "new" }))
  await withStored(first, 61, [next], async ({ proxy, origin, module }) => {
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
