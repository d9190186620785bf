import { setClock, stopDate } from "../helpers/clock"

import {
  AT,
  afterGate,
  answerWithControl,
  collapsedClients,
  concurrently,
  datedAnswer,
  outcomesOf,
  receivedConditions,
  requestCount,
  responses,
  type ScriptedAnswer,
  summaryOf,
  withCache,
} from "../helpers/proxy-cache"
import { type AnswerParts, gate } from "../helpers/scripted-origin"
import { countEach } from "../helpers/wrap"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

type Fields = NonNullable<AnswerParts["fields"]>

const MINUTE = { "Cache-Control": "max-age=60" }
const WAITER_STATUS = "fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60"
const requestOfClient = (client: number) => ({ target: AT, fields: { "X-Client": `${client}` } })

/** Returns an answer with these header fields whose body is the client's `X-Client`. */
function personalAnswer(fields: Fields): ScriptedAnswer {
  return (exchange) =>
    datedAnswer({ fields, body: exchange.request.get("x-client") ?? "" })(exchange)
}

describe("a response that turns out to be uncacheable", () => {
  test.each<[string, Fields]>([
    ["private", { "Cache-Control": "private, max-age=60" }],
    ["no-store", { "Cache-Control": "no-store" }],
    ["Set-Cookie", { ...MINUTE, "Set-Cookie": "a=1" }],
    ["Vary: *", { ...MINUTE, Vary: "*" }],
    ["without a lifetime", {}],
  ])("by %s lets each of 10 clients make its own request", async (_name, fields) => {
    await withCache(async (stage) => {
      const isReady = gate()
      const { origin } = stage
      origin.script(AT, [
        afterGate(isReady, personalAnswer(fields)),
        ...Array(9).fill(personalAnswer(fields)),
      ])
      const clients = await collapsedClients(stage, 10, requestOfClient)
      isReady.open()
      const names = clients.map((_, client) => `${client}`)
      expect((await responses(clients)).map(({ text }) => text)).toEqual(names)
      expect(
        origin
          .requests(AT)
          .map((request) => request.get("x-client"))
          .sort(),
      ).toEqual(names)
    })
  })

  test("only in some fields is sent to waiters without these fields", async () => {
    await withCache(async (stage) => {
      const isReady = gate()
      const fields = {
        "Cache-Control": 'max-age=60, private="X-User"',
        "X-User": "7",
        "Cache-Tag": "t",
      }
      stage.origin.script(AT, afterGate(isReady, datedAnswer({ fields, body: "text" })))
      const clients = await collapsedClients(stage, 10)
      isReady.open()
      const received = await responses(clients)
      expect(countEach(received.map((response) => response.get("x-user")))).toEqual({
        7: 1,
        undefined: 9,
      })
      expect(countEach(received.map((response) => response.get("cache-tag")))).toEqual({
        undefined: 10,
      })
      expect(countEach(received.map(({ text }) => text))).toEqual({ text: 10 })
    })
  })

  test("disables coalescing for a minute (hit-for-miss), and then clients wait again", async () => {
    await withCache(async (stage) => {
      const { proxy, origin, module } = stage
      const isReady = gate()
      origin.script(AT, [
        personalAnswer({}),
        ...Array(10).fill(afterGate(isReady, personalAnswer({}))),
      ])
      await proxy.get(AT)
      setClock(59.999)
      const seen = outcomesOf(module, "match", 10)
      const clients = await concurrently(proxy, 10, requestOfClient)
      await origin.received(AT, 11)
      expect(countEach(await seen)).toEqual({ "miss uri-miss": 10 })
      isReady.open()
      await responses(clients)
      setClock(59.999 + 60)
      const isReadyAgain = gate()
      origin.script(
        AT,
        afterGate(isReadyAgain, answerWithControl("max-age=60", { body: "for all" })),
      )
      const again = await collapsedClients(stage, 10)
      isReadyAgain.open()
      expect((await responses(again)).map(({ text }) => text)).toEqual(Array(10).fill("for all"))
      expect(requestCount(origin)).toBe(12)
    })
  })

  test("enables coalescing again once a cacheable response arrives", async () => {
    await withCache(async (stage) => {
      const { proxy, origin } = stage
      const short = answerWithControl("max-age=5", { body: "for all" })
      const isReady = gate()
      origin.script(AT, [personalAnswer({}), short, afterGate(isReady, short)])
      for (let n = 0; n < 3; n++) await proxy.get(AT)
      expect(requestCount(origin)).toBe(2)
      setClock(5)
      const clients = await collapsedClients(stage, 10, undefined, "stale")
      isReady.open()
      await responses(clients)
      expect(requestCount(origin)).toBe(3)
    })
  })
})

describe("during an in-flight request", () => {
  test.each<[string, Fields, string]>([
    ["with credentials", { Authorization: "Basic dTpw" }, `200 text (${WAITER_STATUS})`],
    ["with its entity tag", { "If-None-Match": '"v1"' }, `304  (${WAITER_STATUS})`],
    ["that wants it validated", { "Cache-Control": "no-cache" }, `200 text (${WAITER_STATUS})`],
  ])("another %s waits for its response", async (_name, fields, expected) => {
    await withCache(async (stage) => {
      const isReady = gate()
      stage.origin.script(
        AT,
        afterGate(
          isReady,
          answerWithControl("max-age=60", { fields: { ETag: '"v1"' }, body: "text" }),
        ),
      )
      const clients = await collapsedClients(stage, 2, (n) => ({
        target: AT,
        fields: n === 0 ? {} : fields,
      }))
      isReady.open()
      expect((await responses(clients)).map(summaryOf)[1]).toBe(expected)
      expect(receivedConditions(stage.origin)).toEqual([{}])
    })
  })

  test.each<[string, string, Fields]>([
    ["for a range", "GET", { Range: "bytes=0-1" }],
    ["that wants nothing stored", "GET", { "Cache-Control": "no-store" }],
    ["for the head", "HEAD", {}],
    ["that writes", "POST", {}],
  ])("another %s does not wait for its response", async (_name, method, fields) => {
    await withCache(async ({ proxy, origin }) => {
      const isReady = gate()
      origin.script(AT, [
        afterGate(isReady, answerWithControl("max-age=60", { body: "text" })),
        datedAnswer({ status: 403 }),
      ])
      const client = (await proxy.connect()).send({ target: AT })
      await origin.received(AT)
      expect((await proxy.send({ method, target: AT, fields })).status).toBe(403)
      isReady.open()
      expect((await client.response()).text).toBe("text")
      expect(requestCount(origin)).toBe(2)
    })
  })

  test("another with credentials is forwarded separately", async () => {
    await withCache(async ({ proxy, origin }) => {
      const isReady = gate()
      origin.script(AT, Array(5).fill(afterGate(isReady, personalAnswer(MINUTE))))
      const clients = await concurrently(proxy, 5, (n) => ({
        target: AT,
        fields: { "X-Client": `${n}`, Authorization: `${n}` },
      }))
      await origin.received(AT, 5)
      isReady.open()
      expect((await responses(clients)).map(({ text }) => text)).toEqual(["0", "1", "2", "3", "4"])
    })
  })

  test("that has hung for half a minute, the next request is forwarded", async () => {
    await withCache(async ({ proxy, origin }) => {
      const isReady = gate()
      origin.script(AT, [
        afterGate(isReady, datedAnswer({ body: "late" })),
        answerWithControl("max-age=60", { body: "text" }),
      ])
      const client = (await proxy.connect()).send({ target: AT })
      await origin.received(AT)
      setClock(30)
      expect((await proxy.get(AT)).text).toBe("text")
      isReady.open()
      expect([(await client.response()).text, requestCount(origin)]).toEqual(["late", 2])
    })
  })
})
