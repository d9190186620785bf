import type { CacheModuleOptions } from "@layeron/modules"
import { bodyOf, errorOf, get } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import { controlledStream, endlessStream } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  counts,
  endOfTest,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  read,
  readerOf,
  TTL,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 50

/** Starts `count` calls whose requests the test can abort. */
function abortableCalls(count: number, send: (request: Request) => Promise<Response>) {
  const clients = Array.from({ length: count }, () => new AbortController())
  const calls = clients.map(({ signal }) => errorOf(() => send(new Request(AT, { signal }))))
  return { clients, calls }
}

/** Wraps a handler that never responds. */
function hangingWrapper(options = {}) {
  return wrapped(
    async () => {
      await endOfTest()
      return new Response("late")
    },
    { ...POLICY, ...options },
  )
}

describe("when all clients of a hanging handler abort,", () => {
  test("each call rejects with the reason of its signal", async () => {
    const { send } = hangingWrapper()
    const { clients, calls } = abortableCalls(CALLERS, send)
    await waitUntilIdle()
    for (const [number, client] of clients.entries()) client.abort(new Error(`client ${number}`))
    const messages = (await Promise.all(calls)).map(({ message }) => message)
    expect(messages).toEqual(clients.map((_, number) => `client ${number}`))
  })

  test("the handler's request is aborted with the last of them, and not before", async () => {
    const { send, received } = hangingWrapper()
    const { clients, calls } = abortableCalls(CALLERS, send)
    await waitUntilIdle()
    for (const client of clients.slice(1)) client.abort()
    await waitUntilIdle()
    expect(received[0]?.signal.aborted).toBe(false)
    clients[0]?.abort()
    await Promise.all(calls)
    await waitUntilIdle()
    expect(received[0]?.signal.aborted).toBe(true)
  })

  test("the first abort leaves the run to the other clients", async () => {
    const { send, received } = hangingWrapper()
    const { clients, calls } = abortableCalls(3, send)
    await waitUntilIdle()
    clients[0]?.abort()
    expect((await calls[0])?.name).toBe("AbortError")
    await waitUntilIdle()
    expect(received[0]?.signal.aborted).toBe(false)
    clients[1]?.abort()
    clients[2]?.abort()
    await waitUntilIdle()
    expect(received[0]?.signal.aborted).toBe(true)
  })

  test("the handler is not run again for the aborted requests", async () => {
    const { send, runs } = hangingWrapper({ refreshTimeoutMs: 1_000 })
    const { clients, calls } = abortableCalls(CALLERS, send)
    await waitUntilIdle()
    for (const client of clients) client.abort()
    await Promise.all(calls)
    await advanceSeconds(10)
    expect(runs()).toBe(1)
  })

  test("the next request runs the handler at once", async () => {
    const { send, runs } = hangingWrapper()
    const { clients } = abortableCalls(2, send)
    await waitUntilIdle()
    for (const client of clients) client.abort()
    await waitUntilIdle()
    void send(new Request(AT))
    await waitUntilIdle()
    expect(runs()).toBe(2)
  })

  test("the later response of the handler is neither stored nor shared", async () => {
    const gate = deferred()
    const { send, module } = wrapped(async () => {
      await gate.promise
      return new Response("late")
    }, POLICY)
    const { clients, calls } = abortableCalls(1, send)
    clients[0]?.abort()
    await Promise.all(calls)
    gate.resolve()
    await waitUntilIdle()
    expect(await module.match(AT)).toBeUndefined()
    expect(await counts(module)).toEqual({ misses: 2 })
  })
})

test("a request that is aborted before the call runs no handler if nothing is stored", async () => {
  const { send, runs, module } = wrapped(() => new Response("x"), POLICY)
  const aborted = () => new Request(AT, { signal: AbortSignal.abort(new Error("gone")) })
  expect((await errorOf(() => send(aborted()))).message).toBe("gone")
  expect(runs()).toBe(0)
  await module.put(AT, new Response("stored"))
  expect(await (await send(aborted())).text()).toBe("stored")
})

describe("a call that bypasses the cache", () => {
  const BYPASSED: [string, Partial<CacheModuleOptions>, RequestInit][] = [
    [
      "that a rule makes skip it",
      { rules: [{ bypass: { cookies: ["session"] } }] },
      { headers: { cookie: "session=1" } },
    ],
    ["that no rule covers", { rules: [{ path: "/other" }] }, {}],
    ["of another method", {}, { method: "POST" }],
  ]

  test.each(BYPASSED)("%s rejects when its signal aborts", async (_, declared, init) => {
    const seen: AbortSignal[] = []
    const hangingHandler = (request: Request) => {
      seen.push(request.signal)
      return new Promise<Response>(() => {})
    }
    const { send, runs } = wrapped(hangingHandler, {}, { ttlSeconds: TTL, ...declared })
    const client = new AbortController()
    const call = errorOf(() => send(new Request(AT, { ...init, signal: client.signal })))
    await waitUntilIdle()
    client.abort(new Error("gone"))
    expect((await call).message).toBe("gone")
    expect(seen.map(({ aborted }) => aborted)).toEqual([true])
    const late = new Request(AT, { ...init, signal: client.signal })
    expect((await errorOf(() => send(late))).message).toBe("gone")
    expect(runs()).toBe(1)
  })

  test("inside another one runs to its end, so that both invalidate", async () => {
    const gate = deferred()
    const inner = wrapped(async ({ method }) => {
      if (method === "POST") await gate.promise
      return new Response(method)
    }, POLICY)
    const outer = wrapped((request) => inner.send(request), POLICY)
    await (await outer.send()).text()
    expect([await bodyOf(outer.module, AT), await bodyOf(inner.module, AT)]).toEqual(["GET", "GET"])
    const client = new AbortController()
    const call = errorOf(() =>
      outer.send(new Request(AT, { method: "POST", signal: client.signal })),
    )
    await waitUntilIdle()
    client.abort(new Error("gone"))
    expect((await call).message).toBe("gone")
    gate.resolve()
    await waitUntilIdle()
    expect([await bodyOf(outer.module, AT), await bodyOf(inner.module, AT)]).toEqual([
      undefined,
      undefined,
    ])
  })

  test("inside another one rejects when its own signal aborts", async () => {
    const own = new AbortController()
    const inner = wrapped(() => new Promise<Response>(() => {}), POLICY)
    const sendPost = () => inner.send(new Request(AT, { method: "POST", signal: own.signal }))
    const outer = wrapped(sendPost, POLICY)
    const call = errorOf(() => outer.send(new Request(AT, { method: "POST" })))
    await waitUntilIdle()
    own.abort(new Error("too long"))
    expect((await call).message).toBe("too long")
  })

  test("invalidates the stored responses for its URL even if its client has left", async () => {
    const gate = deferred()
    const { send, module } = wrapped(async ({ method }) => {
      if (method === "POST") await gate.promise
      return new Response(method)
    }, POLICY)
    await (await send()).text()
    const client = new AbortController()
    const call = errorOf(() => send(new Request(AT, { method: "POST", signal: client.signal })))
    await waitUntilIdle()
    client.abort()
    await call
    gate.resolve()
    await waitUntilIdle()
    expect(await module.match(AT)).toBeUndefined()
  })
})

test("a waiter that aborts does not affect the other waiters", async () => {
  const gate = deferred()
  const { send, runs } = wrapped(async () => {
    await gate.promise
    return new Response("x")
  }, POLICY)
  const first = send()
  const { clients, calls } = abortableCalls(CALLERS, send)
  await waitUntilIdle()
  for (const client of clients) client.abort()
  await Promise.all(calls)
  gate.resolve()
  expect(await (await first).text()).toBe("x")
  expect(runs()).toBe(1)
})

test("a background refresh is not aborted with the request that caused it", async () => {
  const { send, received } = wrapped(async (_, run) => {
    if (run > 1) await endOfTest()
    return new Response(`run ${run}`)
  }, POLICY)
  await (await send()).text()
  await advanceSeconds(POLICY.ttlSeconds)
  const client = new AbortController()
  expect(await (await send(new Request(AT, { signal: client.signal }))).text()).toBe("run 1")
  client.abort()
  await waitUntilIdle()
  expect(received[1]?.signal.aborted).toBe(false)
})

describe("a body in progress", () => {
  test("errors with the reason for the client that aborts, and continues for the others and the store", async () => {
    const { stream, enqueue, end: close } = controlledStream()
    const { send, module, received } = wrapped(() => new Response(stream), POLICY)
    const client = new AbortController()
    const leader = readerOf(await send(new Request(AT, { signal: client.signal })))
    const waiters = readerOf(await send())
    enqueue("ab")
    expect([await read(leader), await read(waiters)]).toEqual(["ab", "ab"])
    const more = errorOf(() => leader.read())
    await waitUntilIdle()
    client.abort(new Error("gone"))
    expect((await more).message).toBe("gone")
    enqueue("cd")
    close()
    expect(await read(waiters)).toBe("cd")
    await waitUntilIdle()
    expect(received[0]?.signal.aborted).toBe(false)
    expect(await (await module.match(AT))?.text()).toBe("abcd")
  })

  test("that is uncacheable is aborted with its client's signal", async () => {
    const { stream } = controlledStream()
    const { send, received } = wrapped(
      () => new Response(stream, { headers: { "content-type": "text/event-stream" } }),
      POLICY,
    )
    const client = new AbortController()
    await send(new Request(AT, { signal: client.signal }))
    expect(received[0]?.signal.aborted).toBe(false)
    client.abort()
    expect(received[0]?.signal.aborted).toBe(true)
  })
})

test.each<[string, ResponseInit]>([
  ["is private", { headers: { "cache-control": "private" } }],
  ["is an error", { status: 500 }],
])("a response that %s is aborted if its client has left before", async (_, init) => {
  const [gate, body] = [deferred(), endlessStream(1)]
  const { send, received } = wrapped(async (_, run) => {
    if (run > 1) return new Response("own")
    await gate.promise
    return new Response(body.stream, init)
  }, POLICY)
  const { clients, calls } = abortableCalls(1, send)
  const waiting = send()
  await waitUntilIdle()
  clients[0]?.abort()
  await Promise.all(calls)
  expect(received[0]?.signal.aborted).toBe(false)
  gate.resolve()
  expect(await (await waiting).text()).toBe("own")
  expect([received[0]?.signal.aborted, body.cancelled()]).toEqual([true, true])
})

test("waiters of requests that cannot be joined are released as well", async () => {
  const { send, runs } = hangingWrapper()
  const client = new AbortController()
  const alone = send(new Request(AT, { signal: client.signal, headers: { authorization: "a" } }))
  const error = errorOf(() => alone)
  await waitUntilIdle()
  expect(await outcomeSoFar(alone)).toBe("pending")
  client.abort()
  expect((await error).name).toBe("AbortError")
  expect(runs()).toBe(1)
  expect(get(PATH).signal.aborted).toBe(false)
})

test("a signal without addEventListener is ignored", async () => {
  const { promise, resolve } = deferred<Response>()
  const { send, runs } = wrapped(() => promise, POLICY)
  const requestWithPlainSignal = () =>
    Object.defineProperty(new Request(AT), "signal", { value: { aborted: false } })
  const calls = [send(requestWithPlainSignal()), send(requestWithPlainSignal()), send()]
  await waitUntilIdle()
  resolve(new Response("built"))
  const texts = (await Promise.all(calls)).map((response) => response.text())
  expect(await Promise.all(texts)).toEqual(["built", "built", "built"])
  expect(runs()).toBe(1)
})
