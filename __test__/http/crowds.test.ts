import { setClock, stopDate } from "../helpers/clock"

import {
  AT,
  afterGate,
  answerWithControl,
  collapsedClients,
  concurrently,
  countSummaries,
  datedAnswer,
  requestCount,
  responses,
  type ScriptedAnswer,
  summaryOf,
  withCache,
  withStored,
} from "../helpers/proxy-cache"
import { type Answer, gate } from "../helpers/scripted-origin"
import { countEach } from "../helpers/wrap"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const CLIENTS = 100
const reset: Answer = ({ reset }) => reset()
const down = datedAnswer({ status: 503, body: "down" })
const requestOfClient = (client: number) => ({ target: AT, fields: { "X-Client": `${client}` } })

describe("100 clients at a time of an origin that fails", () => {
  test("with a 503 wait for one request and then make one each, and so do the next 100", async () => {
    await withCache(async (stage) => {
      for (const round of [1, 2]) {
        const isReady = gate()
        stage.origin.script(AT, [afterGate(isReady, down), ...Array(CLIENTS - 1).fill(down)])
        const clients = await collapsedClients(stage, CLIENTS)
        isReady.open()
        const received = await responses(clients)
        expect(countEach(received.map(({ status, text }) => `${status} ${text}`))).toEqual({
          "503 down": CLIENTS,
        })
        expect(requestCount(stage.origin)).toBe(round * CLIENTS)
      }
    })
  })

  test("with a 503 get neither Age nor lifetime", async () => {
    await withCache(async (stage) => {
      const isReady = gate()
      stage.origin.script(AT, [afterGate(isReady, down), ...Array(9).fill(down)])
      const clients = await collapsedClients(stage, 10)
      isReady.open()
      const received = await responses(clients)
      expect(countEach(received.map(summaryOf))).toEqual({
        "503 down (fwd=uri-miss; fwd-status=503)": 10,
      })
      expect(countEach(received.map((response) => response.get("age") ?? "0"))).toEqual({ 0: 10 })
    })
  })

  test("by resets make two requests to the origin, those of the next 200 ms none, and later ones two", async () => {
    await withCache(async (stage) => {
      const { proxy, origin } = stage
      const statuses = async (clients: Parameters<typeof responses>[0]) =>
        countEach((await responses(clients)).map(({ status }) => status))
      const isReady = [gate(), gate()]
      origin.script(
        AT,
        isReady.flatMap((ready) => [afterGate(ready, reset), reset]),
      )
      const first = await collapsedClients(stage, CLIENTS)
      isReady[0]?.open()
      expect([await statuses(first), requestCount(origin)]).toEqual([{ 502: CLIENTS }, 2])
      setClock(0.199)
      expect([await statuses(await concurrently(proxy, CLIENTS)), requestCount(origin)]).toEqual([
        { 502: CLIENTS },
        2,
      ])
      setClock(0.2)
      const last = await collapsedClients(stage, CLIENTS)
      isReady[1]?.open()
      expect([await statuses(last), requestCount(origin)]).toEqual([{ 502: CLIENTS }, 4])
      expect(proxy.reports).toHaveLength(3 * CLIENTS)
    })
  })

  test.each<[string, Answer, string]>([
    ["with a 503", down, "200 old (fwd=stale; fwd-status=503; ttl=-1; detail=stale-if-error)"],
    ["by a reset", reset, "200 old (fwd=stale; ttl=-1; detail=stale-if-error)"],
  ])("%s get the stale response, for one request to the origin", async (_name, failure, leader) => {
    const isReady = gate()
    const first = answerWithControl("max-age=60, stale-if-error=30", { body: "old" })
    await withStored(first, 61, [afterGate(isReady, failure)], async (stage) => {
      const clients = await collapsedClients(stage, CLIENTS, undefined, "stale")
      isReady.open()
      expect(await countSummaries(clients)).toEqual({
        [leader]: 1,
        "200 old (hit; ttl=-1; detail=stale-if-error)": CLIENTS - 1,
      })
      expect([requestCount(stage.origin), stage.proxy.reports]).toEqual([2, []])
    })
  })

  test("with a different failure for each make a request each", async () => {
    await withCache(async (stage) => {
      const isReady = gate()
      const varying = (exchange: Parameters<ScriptedAnswer>[0]) =>
        datedAnswer({
          status: 503,
          fields: { Vary: "X-Client" },
          body: exchange.request.get("x-client") ?? "",
        })(exchange)
      stage.origin.script(AT, [afterGate(isReady, varying), ...Array(4).fill(varying)])
      const clients = await collapsedClients(stage, 5, requestOfClient)
      isReady.open()
      expect((await responses(clients)).map(({ text }) => text)).toEqual(["0", "1", "2", "3", "4"])
      expect(requestCount(stage.origin)).toBe(5)
    })
  })
})

describe("10 clients at a time of a body over maxEntryBytes", () => {
  const small = {
    cacheOptions: { storage: { memory: { maxBytes: 1_000_000, maxEntryBytes: 10_000 } } },
  }
  const body = "0123456789".repeat(50_000)
  const HEAD = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"

  test("each make their own request if its Content-Length says so", async () => {
    await withCache(async (stage) => {
      const isReady = gate()
      const text = `${HEAD}Content-Length: ${body.length}\r\n\r\n${body}`
      stage.origin.script(AT, [afterGate(isReady, text), ...Array(9).fill(text)])
      const clients = await collapsedClients(stage, 10)
      isReady.open()
      const received = await responses(clients)
      expect(received.map(({ text, isComplete }) => text === body && isComplete)).toEqual(
        Array(10).fill(true),
      )
      expect([requestCount(stage.origin), (await stage.module.inspect()).entries]).toEqual([10, 0])
    }, small)
  })

  test("share one request if it does not, and they have begun to read", async () => {
    await withCache(async (stage) => {
      const [isReady, isRead] = [gate(), gate()]
      const answerInHalves: Answer = async ({ write, end }) => {
        await write(`${HEAD}\r\n${body.slice(0, 9)}`)
        await isRead.opened
        end(body.slice(9))
      }
      stage.origin.script(AT, afterGate(isReady, answerInHalves))
      const clients = await collapsedClients(stage, 10)
      isReady.open()
      const heads = await Promise.all(clients.map((client) => client.head()))
      isRead.open()
      const received = await Promise.all(
        clients.map((client, n) => client.readBody(heads[n] as (typeof heads)[0])),
      )
      expect(received.map(({ text, isComplete }) => text === body && isComplete)).toEqual(
        Array(10).fill(true),
      )
      expect([requestCount(stage.origin), (await stage.module.inspect()).entries]).toEqual([1, 0])
    }, small)
  })
})
