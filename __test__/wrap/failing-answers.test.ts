import { bodyOf, get, refusals } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { bytes } from "../helpers/response-pair"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endOfTest,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  TTL,
  texts,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 100

describe("an error without a declared lifetime", () => {
  const wrappedResponding = (
    status: number,
    headers: Record<string, string> = {},
    body: string | Uint8Array<ArrayBuffer> = "down",
  ) => {
    const gate = deferred()
    const wrapper = wrapped(async () => {
      await gate.promise
      return new Response(body, { status, headers })
    }, POLICY)
    return { ...wrapper, gate }
  }

  test.each([500, 502, 503, 504])(
    "of %d answers its own client only, and each waiter runs the handler on its own",
    async (status) => {
      const { module, send, runs, gate } = wrappedResponding(status, {
        "retry-after": "1",
        "x-kept": "1",
      })
      const all = concurrently(CALLERS, () => send())
      await waitUntilIdle()
      gate.resolve()
      const responses = await Promise.all(all)
      expect(countEach(responses.map((response) => response.status))).toEqual({ [status]: CALLERS })
      expect(countEach(responses.map(({ headers }) => headers.get("retry-after")))).toEqual({
        1: CALLERS,
      })
      expect(countEach(await texts(all))).toEqual({ down: CALLERS })
      const described = `fwd=uri-miss; fwd-status=${status}`
      expect(countEach(responses.map(cacheStatusOf))).toEqual({ [described]: CALLERS })
      expect(runs()).toBe(CALLERS)
      expect(await counts(module)).toEqual({ misses: CALLERS })
      expect(await refusals(module)).toEqual({ "no-freshness": CALLERS })
    },
  )

  test("lets later requests be coalesced", async () => {
    const gates = [deferred(), deferred()]
    const { send, runs } = wrapped(async (_, run) => {
      await gates[run - 1]?.promise
      return run === 1 ? new Response("down", { status: 503 }) : new Response("up")
    }, POLICY)
    const first = send()
    await waitUntilIdle()
    gates[0]?.resolve()
    expect((await first).status).toBe(503)
    const later = concurrently(CALLERS, () => send())
    await waitUntilIdle()
    gates[1]?.resolve()
    expect(countEach(await texts(later))).toEqual({ up: CALLERS })
    expect(runs()).toBe(2)
  })

  test("with a header and a body for one client reaches only that client", async () => {
    const { promise, resolve } = deferred()
    const wrapper = wrapped(async (request) => {
      await promise
      const user = request.headers.get("authorization") ?? "nobody"
      return new Response(`account of ${user}`, { status: 500, headers: { "x-user": user } })
    }, POLICY)
    const users = ["nobody", "alice", "bob"]
    const all = users.map((user) =>
      wrapper.send(get(PATH, user === "nobody" ? {} : { authorization: user })),
    )
    await waitUntilIdle()
    resolve()
    const responses = await Promise.all(all)
    expect(responses.map(({ headers }) => headers.get("x-user"))).toEqual(users)
    expect(await texts(all)).toEqual(users.map((user) => `account of ${user}`))
  })

  test("and a body of 60 KB reaches all clients completely", async () => {
    const whole = bytes(60_000)
    const { send, runs, gate } = wrappedResponding(503, {}, whole)
    const all = concurrently(3, () => send())
    gate.resolve()
    for (const answer of all)
      expect(Buffer.from(await (await answer).arrayBuffer()).equals(whole)).toBe(true)
    expect(runs()).toBe(3)
  })

  test.each<[string, number, Record<string, string>]>([
    ["a 501 that is no-store", 501, { "cache-control": "no-store" }],
    ["a 400", 400, {}],
    ["a 500 with Set-Cookie", 500, { "set-cookie": "a=b" }],
    ["a 500 that is private", 500, { "cache-control": "private" }],
    ["a 500 that varies", 500, { vary: "cookie" }],
  ])("goes only to its own client if it is %s", async (_, status, headers) => {
    const { send, runs, gate } = wrappedResponding(status, headers)
    const all = concurrently(CALLERS, () => send())
    gate.resolve()
    expect(countEach(await texts(all))).toEqual({ down: CALLERS })
    expect(runs()).toBe(CALLERS)
  })

  test("is not stored, unlike an error with one", async () => {
    const { module, send, runs, gate } = wrappedResponding(503, { "cache-control": "max-age=5" })
    gate.resolve()
    await (await send()).text()
    expect([(await send()).status, await bodyOf(module, AT), runs()]).toEqual([503, "down", 1])
  })
})

describe("a run that takes longer than refreshTimeoutMs", () => {
  test("loses its waiters, which share a new run, and the leader gets its own response", async () => {
    const gate = deferred()
    const wrapper = wrapped(
      async (_, run) => {
        if (run === 1) await gate.promise
        return new Response(`run ${run}`)
      },
      { ...POLICY, refreshTimeoutMs: 500 },
    )
    const all = concurrently(CALLERS, () => wrapper.send())
    await advanceSeconds(0.499)
    expect(wrapper.runs()).toBe(1)
    expect(await outcomeSoFar(Promise.race(all))).toBe("pending")
    await advanceSeconds(0.001)
    const [leader, ...waiters] = all
    expect(countEach(await texts(waiters))).toEqual({ "run 2": CALLERS - 1 })
    expect(wrapper.runs()).toBe(2)
    gate.resolve()
    expect(await (await leader)?.text()).toBe("run 1")
    expect(await counts(wrapper.module)).toMatchObject({ misses: CALLERS, puts: 2 })
    expect(wrapper.received[0]?.signal.aborted).toBe(false)
  })

  test("is not joined by later requests", async () => {
    const wrapper = wrapped(
      async () => {
        await endOfTest()
        return new Response("x")
      },
      { ...POLICY, refreshTimeoutMs: 500 },
    )
    void wrapper.send()
    await advanceSeconds(0.499)
    void wrapper.send()
    await waitUntilIdle()
    expect(wrapper.runs()).toBe(1)
    await advanceSeconds(0.001)
    void wrapper.send()
    await waitUntilIdle()
    expect(wrapper.runs()).toBe(2)
  })
})

test("a waiter without a stale response runs on its own when its leader is served a stale one", async () => {
  const gates = [deferred(), deferred()]
  const { send, runs } = wrapped(
    async ({ headers }, run) => {
      await gates[run - 3]?.promise
      const status = run <= 2 ? 200 : 503
      const language = headers.get("accept-language")
      const vary = run === 2 ? "accept" : "accept-language"
      return new Response(`${language} ${run}`, { status, headers: { vary } })
    },
    { ttlSeconds: TTL, staleIfErrorSeconds: TTL },
  )
  const language = (value: string, other = "") => get(PATH, { "accept-language": value, other })
  await (await send(language("de"))).text()
  // Requests for other languages share runs as long as the last response varies by another field.
  await (await send(get(PATH, { "accept-language": "fr", accept: "text/html" }))).text()
  await advanceSeconds(TTL)
  const [first, waiter] = [send(language("de")), send(language("en"))]
  await waitUntilIdle()
  expect(runs()).toBe(3)
  gates[0]?.resolve()
  expect(await (await first).text()).toBe("de 1")
  const second = send(language("de", "another"))
  await waitUntilIdle()
  gates[1]?.resolve()
  expect(await (await second).text()).toBe("de 1")
  const own = await waiter
  expect([own.status, await own.text()]).toEqual([503, "en 5"])
  expect([(await send(language("en"))).status, runs()]).toEqual([503, 6])
  expect([await (await send(language("de"))).text(), runs()]).toEqual(["de 1", 6])
})
