import { stopDate } from "../helpers/clock"
import {
  AT,
  afterGate,
  answerWithControl,
  type CacheStage,
  collapsedClients,
  concurrently,
  countSummaries,
  datedAnswer,
  notModified,
  outcomesOf,
  receivedConditions,
  requestCount,
  responses,
  summaryOf,
  withCache,
  withStored,
} from "../helpers/proxy-cache"
import { type Answer, gate } from "../helpers/scripted-origin"
import { countEach } from "../helpers/wrap"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const CLIENTS = 100
const STORED = "fwd=uri-miss; fwd-status=200; stored; ttl=60"
const WAITER_STATUS = "fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60"
const reset: Answer = ({ reset }) => reset()

describe("100 concurrent requests for responses that are not stored,", () => {
  test("make one request to the origin, and each gets the complete response", async () => {
    await withCache(async (stage) => {
      const isReady = gate()
      stage.origin.script(AT, afterGate(isReady, answerWithControl("max-age=60", { body: "text" })))
      const clients = await collapsedClients(stage, CLIENTS)
      isReady.open()
      const others = CLIENTS - 1
      expect(await countSummaries(clients)).toEqual({
        [`200 text (${STORED})`]: 1,
        [`200 text (${WAITER_STATUS})`]: others,
      })
      expect(summaryOf(await stage.proxy.get(AT))).toBe("200 text (hit; ttl=60)")
      expect([requestCount(stage.origin), await stage.module.stats()]).toMatchObject([
        1,
        { misses: CLIENTS, puts: 1 },
      ])
    })
  })

  test("for 100 targets are 100 requests to the origin, and none waits for another", async () => {
    await withCache(async ({ proxy, origin }) => {
      const isReady = gate()
      const targets = Array.from({ length: CLIENTS }, (_, n) => `/a?${n}`)
      for (const target of targets)
        origin.script(target, afterGate(isReady, datedAnswer({ body: target })))
      const clients = await concurrently(proxy, CLIENTS, (n) => ({ target: targets[n] as string }))
      for (const target of targets) await origin.received(target)
      isReady.open()
      expect((await responses(clients)).map(({ text }) => text)).toEqual(targets)
    })
  })

  test("in two languages make two requests, if the response turns out to vary by language", async () => {
    await withCache(async (stage) => {
      const gates = [gate(), gate()]
      const answer: Answer = (exchange) => {
        const language = exchange.request.get("accept-language") as string
        const fields = { Vary: "Accept-Language" }
        return afterGate(
          gates[requestCount(stage.origin) - 1]!,
          answerWithControl("max-age=60", { fields, body: language }),
        )(exchange)
      }
      stage.origin.script(AT, [answer, answer])
      const language = (n: number) => (n % 2 === 0 ? "de" : "en")
      const fields = (n: number) => ({ "Accept-Language": language(n) })
      const clients = await collapsedClients(stage, CLIENTS, (n) => ({
        target: AT,
        fields: fields(n),
      }))
      gates[0]?.open()
      await stage.origin.received(AT, 2)
      gates[1]?.open()
      const received = await responses(clients)
      expect(received.map(({ text }) => text)).toEqual(received.map((_, n) => language(n)))
      expect(requestCount(stage.origin)).toBe(2)
    })
  })
})

describe("100 concurrent requests for a stale response,", () => {
  const first = answerWithControl("max-age=60", { fields: { ETag: '"v1"' }, body: "old" })

  test.each<[string, Answer, string, string]>([
    [
      "confirmed",
      notModified(),
      "200 old (fwd=stale; fwd-status=304; ttl=60)",
      "200 old (hit; ttl=60)",
    ],
    [
      "replaced",
      answerWithControl("max-age=60", { body: "new" }),
      "200 new (fwd=stale; fwd-status=200; stored; ttl=60)",
      "200 new (fwd=stale; fwd-status=200; stored; collapsed; ttl=60)",
    ],
  ])("make one request to the origin by which it is %s", async (_name, answer, leader, waiters) => {
    const isReady = gate()
    await withStored(first, 60, [afterGate(isReady, answer)], async (stage) => {
      const clients = await collapsedClients(stage, CLIENTS, undefined, "stale")
      isReady.open()
      expect(await countSummaries(clients)).toEqual({ [leader]: 1, [waiters]: CLIENTS - 1 })
      expect(receivedConditions(stage.origin)).toEqual([{}, { "if-none-match": '"v1"' }])
    })
  })
})

describe("while the origin holds the rest of a body,", () => {
  const HEAD = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n\r\n"

  /** Returns an answer that sends the head and half of the body, and `rest` after `open`. */
  function answerInHalves(rest: Answer): { answer: Answer; open: () => void } {
    const isHeld = gate()
    const answer: Answer = async (exchange) => {
      await exchange.write(`${HEAD}one`)
      await afterGate(isHeld, rest)(exchange)
    }
    return { answer, open: isHeld.open }
  }

  /** Starts concurrent clients and a late one, and reads the head and first bytes of each. */
  async function clientsWithHead(stage: CacheStage, answer: Answer) {
    stage.origin.script(AT, answer)
    const clients = await concurrently(stage.proxy, 5)
    const heads = []
    for (const client of clients) heads.push(await client.head())
    const late = await stage.proxy.connect()
    heads.push(await late.send({ target: AT }).head())
    clients.push(late)
    for (const client of clients) expect(await client.bytes(3)).toBe("one")
    expect([heads.map(({ status }) => status), requestCount(stage.origin)]).toEqual([
      Array(6).fill(200),
      1,
    ])
    return clients
  }

  test("waiters and later clients all have the head and the first bytes", async () => {
    await withCache(async (stage) => {
      const { answer, open } = answerInHalves("two")
      const clients = await clientsWithHead(stage, answer)
      open()
      for (const client of clients) expect(await client.bytes(3)).toBe("two")
      expect(summaryOf(await stage.proxy.get(AT))).toBe("200 onetwo (hit; ttl=60)")
      expect(requestCount(stage.origin)).toBe(1)
    })
  })

  test.each([1, 5, 6])("%d of 6 clients that leave do not affect the others", async (count) => {
    await withCache(async (stage) => {
      const { answer, open } = answerInHalves("two")
      const clients = await clientsWithHead(stage, answer)
      const put = outcomesOf(stage.module, "put")
      for (const client of clients.slice(0, count)) {
        client.close()
        await client.closed
      }
      open()
      for (const client of clients.slice(count)) expect(await client.bytes(3)).toBe("two")
      expect(await put).toEqual(["stored"])
      expect(summaryOf(await stage.proxy.get(AT))).toBe("200 onetwo (hit; ttl=60)")
      expect(requestCount(stage.origin)).toBe(1)
    })
  })

  test("which then aborts it, all clients are aborted, and the next request goes to the origin", async () => {
    await withCache(async (stage) => {
      const { answer, open } = answerInHalves(reset)
      const clients = await clientsWithHead(stage, answer)
      open()
      for (const client of clients) expect(await client.readToEnd()).toBe("")
      stage.origin.script(AT, answerWithControl("max-age=60", { body: "whole" }))
      expect(summaryOf(await stage.proxy.get(AT))).toBe(`200 whole (${STORED})`)
      expect(requestCount(stage.origin)).toBe(2)
    })
  })

  test("a request with no-cache is forwarded to the origin", async () => {
    await withCache(async (stage) => {
      const { answer, open } = answerInHalves("two")
      const clients = await clientsWithHead(stage, answer)
      stage.origin.script(AT, answerWithControl("no-store", { body: "new" }))
      expect((await stage.proxy.get(AT, { "Cache-Control": "no-cache" })).text).toBe("new")
      open()
      for (const client of clients) expect(await client.bytes(3)).toBe("two")
      expect(requestCount(stage.origin)).toBe(2)
    })
  })
})

test("the leader and some waiters leave before the response, and the other waiters get it", async () => {
  await withCache(async (stage) => {
    const isReady = gate()
    stage.origin.script(AT, afterGate(isReady, answerWithControl("max-age=60", { body: "text" })))
    const first = (await stage.proxy.connect()).send({ target: AT })
    await stage.origin.received(AT)
    const seen = outcomesOf(stage.module, "match", 9)
    const others = await concurrently(stage.proxy, 9)
    expect(countEach(await seen)).toEqual({ "miss collapsed": 9 })
    for (const client of [first, ...others.splice(0, 3)]) {
      client.close()
      await client.closed
    }
    isReady.open()
    expect(await countSummaries(others)).toEqual({ [`200 text (${WAITER_STATUS})`]: 6 })
    expect([requestCount(stage.origin), stage.proxy.reports]).toEqual([1, []])
  })
})

test("a client that does not read does not keep others from the complete response", async () => {
  await withCache(async (stage) => {
    const isReady = gate()
    const body = "0123456789".repeat(800_000)
    stage.origin.script(AT, afterGate(isReady, answerWithControl("max-age=60", { body })))
    const [idle, ...others] = await collapsedClients(stage, 4)
    isReady.open()
    const received = await responses(others)
    expect(received.map(({ text }) => text === body)).toEqual([true, true, true])
    expect((await idle?.response())?.text === body).toBe(true)
    expect(requestCount(stage.origin)).toBe(1)
  })
})
