import { bodyOf, get, NO_STATS } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { bytes } from "../helpers/response-pair"
import { deferred } from "../helpers/stale-module"
import { controlledStream, streamOf } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  read,
  readerOf,
  TTL,
  texts,
  waitUntilIdle,
  wrapped,
  wrappedIn,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 100
const LEADER_STATUS = "fwd=uri-miss; fwd-status=200; stored; ttl=60"
const WAITER_STATUS = "fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60"

describe("100 concurrent requests of a cold key", () => {
  test("make one run, and each gets a response of its own with the full body", async () => {
    const { promise, resolve } = deferred<Response>()
    const { module, send, runs } = wrapped(() => promise, POLICY)
    const all = concurrently(CALLERS, () => send())
    await waitUntilIdle()
    expect(runs()).toBe(1)
    resolve(new Response("built", { headers: { "x-kept": "1" } }))
    const responses = await Promise.all(all)
    expect(countEach(responses.map(cacheStatusOf))).toEqual({
      [LEADER_STATUS]: 1,
      [WAITER_STATUS]: CALLERS - 1,
    })
    responses[7]?.headers.set("x-kept", "changed")
    expect(countEach(responses.map(({ headers }) => headers.get("x-kept")))).toEqual({
      1: CALLERS - 1,
      changed: 1,
    })
    expect(countEach(await texts(all))).toEqual({ built: CALLERS })
    expect(runs()).toBe(1)
    expect(await counts(module)).toEqual({ misses: CALLERS, puts: 1, collapsed: CALLERS - 1 })
  })

  test("make one run of two wrapped handlers of one module", async () => {
    const one = wrapped(async () => new Response("one"), POLICY)
    const other = wrappedIn(one.module, async () => new Response("other"), POLICY)
    const all = concurrently(CALLERS, (caller) => (caller % 2 === 0 ? one : other).send())
    expect(countEach(await texts(all))).toEqual({ one: CALLERS })
    expect([one.runs(), other.runs()]).toEqual([1, 0])
  })

  test("in two languages make two runs, if the response turns out to vary by language", async () => {
    const gates = [deferred(), deferred()]
    const { module, send, runs } = wrapped(async (request, run) => {
      await gates[run - 1]?.promise
      return new Response(request.headers.get("accept-language"), {
        headers: { vary: "accept-language" },
      })
    }, POLICY)
    const languages = Array.from({ length: CALLERS }, (_, caller) =>
      caller % 2 === 0 ? "de" : "en",
    )
    const all = concurrently(CALLERS, (caller) =>
      send(get(PATH, { "accept-language": `${languages[caller]}` })),
    )
    for (const [index, gate] of gates.entries()) {
      await waitUntilIdle()
      expect(runs()).toBe(index + 1)
      gate.resolve()
    }
    expect(await texts(all)).toEqual(languages)
    expect(runs()).toBe(2)
    expect(await counts(module)).toEqual({ misses: CALLERS, puts: 2, collapsed: CALLERS - 2 })
  })

  test("in 20 languages make all other runs at once when the first response varies by language", async () => {
    const gates = Array.from({ length: 20 }, () => deferred())
    const { module, send, runs } = wrapped(async (request, run) => {
      await gates[run - 1]?.promise
      return new Response(request.headers.get("accept-language"), {
        headers: { vary: "accept-language" },
      })
    }, POLICY)
    const languages = Array.from({ length: CALLERS }, (_, caller) => `l-${caller % 20}`)
    const all = concurrently(CALLERS, (caller) =>
      send(get(PATH, { "accept-language": `${languages[caller]}` })),
    )
    await waitUntilIdle()
    expect(runs()).toBe(1)
    gates[0]?.resolve()
    await waitUntilIdle()
    expect(runs()).toBe(20)
    for (const gate of gates) gate.resolve()
    expect(await texts(all)).toEqual(languages)
    expect(await counts(module)).toEqual({ misses: CALLERS, puts: 20, collapsed: CALLERS - 20 })
  })

  test("in 20 languages make all other runs at once while the first body is in progress", async () => {
    const { stream } = controlledStream()
    const { send, runs } = wrapped((_, run) => {
      const headers = { vary: "accept-language" }
      return run === 1 ? new Response(stream, { headers }) : new Promise<Response>(() => {})
    }, POLICY)
    concurrently(20, (caller) =>
      send(get(PATH, { "accept-language": `l-${caller}` })).catch(() => undefined as never),
    )
    await waitUntilIdle()
    expect(runs()).toBe(20)
  })

  test("of another language do not wait for the refresh of a stale response", async () => {
    const { send, runs } = wrapped((request, run) => {
      const language = request.headers.get("accept-language")
      const response = new Response(language, { headers: { vary: "accept-language" } })
      return run === 2 ? new Promise<Response>(() => {}) : response
    }, POLICY)
    await (await send(get(PATH, { "accept-language": "de" }))).text()
    await advanceSeconds(TTL)
    const stale = await send(get(PATH, { "accept-language": "de" }))
    expect(await stale.text()).toBe("de")
    await waitUntilIdle()
    const all = concurrently(CALLERS, () => send(get(PATH, { "accept-language": "en" })))
    expect(countEach(await texts(all))).toEqual({ en: CALLERS })
    expect(runs()).toBe(3)
  })

  test("for 100 keys are 100 runs, and none waits for another", async () => {
    const { send, runs } = wrapped(() => new Promise(() => {}), POLICY)
    concurrently(CALLERS, (caller) => send(get(`${PATH}?${caller}`)))
    await waitUntilIdle()
    expect(runs()).toBe(CALLERS)
  })

  test("share a response of any cacheable status", async () => {
    const { send, runs } = wrapped(async () => new Response("none", { status: 404 }), POLICY)
    const responses = await Promise.all(concurrently(CALLERS, () => send()))
    expect(countEach(responses.map(({ status }) => status))).toEqual({ 404: CALLERS })
    expect(runs()).toBe(1)
  })
})

describe("while the body is being written,", () => {
  function bodyInProgress() {
    const body = controlledStream()
    const wrapper = wrapped(() => new Response(body.stream, { headers: { "x-id": "7" } }), POLICY)
    return { ...wrapper, body }
  }

  test("the leader, waiters and later callers have the head and the first bytes", async () => {
    const { module, send, runs, body } = bodyInProgress()
    const [leader, waiters] = await Promise.all([send(), send()])
    body.enqueue("ab")
    const first = [readerOf(leader), readerOf(waiters)]
    expect(await Promise.all(first.map(read))).toEqual(["ab", "ab"])
    const late = await send()
    expect([cacheStatusOf(late), late.headers.get("x-id")]).toEqual([WAITER_STATUS, "7"])
    const readers = [...first, readerOf(late)]
    expect(await read(readers[2] as (typeof readers)[0])).toBe("ab")
    expect(await module.match(AT)).toBeUndefined()
    const pending = readers.map(read)
    expect(await outcomeSoFar(Promise.race(pending))).toBe("pending")
    body.enqueue("cd")
    expect(await Promise.all(pending)).toEqual(["cd", "cd", "cd"])
    body.end()
    expect(await Promise.all(readers.map(read))).toEqual([undefined, undefined, undefined])
    expect(runs()).toBe(1)
    expect(await bodyOf(module, AT)).toBe("abcd")
    expect(cacheStatusOf(await send())).toBe("hit; ttl=60")
  })

  test("a client that cancels, leader or waiter, affects neither the entry nor other readers", async () => {
    const { module, send, runs, body } = bodyInProgress()
    const [leader, waiters, last] = await Promise.all([send(), send(), send()])
    body.enqueue("ab")
    await leader.body?.cancel()
    const reader = readerOf(waiters)
    await read(reader)
    await reader.cancel()
    body.enqueue("cd")
    body.end()
    expect(await last.text()).toBe("abcd")
    expect(await bodyOf(module, AT)).toBe("abcd")
    expect(runs()).toBe(1)
  })

  test("even if all clients cancel, it is stored", async () => {
    const { module, send, body } = bodyInProgress()
    const responses = await Promise.all([send(), send()])
    body.enqueue("ab")
    for (const response of responses) await response.body?.cancel()
    body.enqueue("cd")
    body.end()
    await waitUntilIdle()
    expect(await bodyOf(module, AT)).toBe("abcd")
  })

  test("its error is an error for all readers, nothing is stored, and the next caller runs the handler", async () => {
    const { module, send, runs } = wrapped(
      (_, run) => new Response(run === 1 ? streamOf(["ab"], new Error("cut")) : "whole"),
      POLICY,
    )
    for (const read of concurrently(CALLERS, () => send())) {
      await expect((await read).text()).rejects.toThrow("cut")
    }
    expect(runs()).toBe(1)
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: CALLERS })
    expect(await (await send()).text()).toBe("whole")
    expect(runs()).toBe(2)
  })

  test("the condition of a waiter is answered with a 304, and HEAD has its own run", async () => {
    const body = controlledStream()
    const { send, received } = wrapped(
      ({ method }) =>
        new Response(method === "GET" ? body.stream : null, { headers: { etag: '"v1"' } }),
      POLICY,
    )
    const leader = send()
    const waiters = await send(get(PATH, { "if-none-match": '"v1"' }))
    expect([waiters.status, waiters.body, waiters.headers.get("etag")]).toEqual([304, null, '"v1"'])
    expect(cacheStatusOf(waiters)).toBe("fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60")
    void send(new Request(AT, { method: "HEAD" }))
    expect(received.map(({ method }) => method)).toEqual(["GET", "HEAD"])
    body.end()
    expect(await (await leader).text()).toBe("")
  })
})

describe("with a cold key,", () => {
  test("a client that has the handler's response gets a 304, and the response is stored", async () => {
    const { module, send, received } = wrapped(
      () => new Response("whole", { headers: { etag: '"v1"' } }),
      POLICY,
    )
    const response = await send(get(PATH, { "if-none-match": '"v1"' }))
    expect([response.status, response.body, cacheStatusOf(response)]).toEqual([
      304,
      null,
      LEADER_STATUS,
    ])
    expect(received[0]?.headers.has("if-none-match")).toBe(false)
    await waitUntilIdle()
    expect(await bodyOf(module, AT)).toBe("whole")
  })

  test.each<[number, string | undefined]>([
    [200, "part"],
    [206, undefined],
  ])("the handler answers a range, and the stored body of its %d is %p", async (status, stored) => {
    const { module, send } = wrapped(() => new Response("part", { status }), POLICY)
    const response = await send(get(PATH, { range: "bytes=0-3" }))
    expect([response.status, await response.text()]).toEqual([status, "part"])
    expect(await bodyOf(module, AT)).toBe(stored)
  })

  test("waitUntil gets a promise that is fulfilled when the response is stored or refused", async () => {
    const work: Promise<unknown>[] = []
    const waitUntil = (promise: Promise<unknown>) => void work.push(promise)
    const body = controlledStream()
    const stored = wrapped(() => new Response(body.stream), { ...POLICY, waitUntil })
    await stored.send()
    expect([work.length, await outcomeSoFar(Promise.all(work))]).toEqual([1, "pending"])
    body.end()
    await work[0]
    expect(await bodyOf(stored.module, AT)).toBe("")
    const broken = wrapped(() => new Response(streamOf([], new Error("cut"))), {
      ...POLICY,
      waitUntil,
    })
    await (await broken.send()).body?.cancel()
    expect(work.length).toBe(2)
    await work[1]
  })
})

test("a Set-Cookie that is not stored goes only to the client for which the handler was run", async () => {
  const headers = { "set-cookie": "a=b", "cache-control": "private=Set-Cookie, max-age=60" }
  const { send, runs } = wrapped(async () => new Response("x", { headers }))
  const responses = await Promise.all(concurrently(3, () => send()))
  responses.push(await send())
  expect(responses.map((response) => response.headers.get("set-cookie"))).toEqual([
    "a=b",
    null,
    null,
    null,
  ])
  expect(runs()).toBe(1)
})

test("a body of a megabyte in many parts reaches all clients unchanged", async () => {
  const whole = bytes(1 << 20)
  const { module, send } = wrapped(async () => {
    let at = 0
    return new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          controller.enqueue(whole.slice(at, at + 10_007))
          at += 10_007
          if (at >= whole.length) controller.close()
        },
      }),
    )
  }, POLICY)
  for (const response of await Promise.all(concurrently(3, () => send()))) {
    expect(Buffer.from(await response.arrayBuffer()).equals(whole)).toBe(true)
  }
  expect(
    Buffer.from((await (await module.match(AT))?.arrayBuffer()) as ArrayBuffer).equals(whole),
  ).toBe(true)
})
