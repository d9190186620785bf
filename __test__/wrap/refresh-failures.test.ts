import type { CacheEvent, CacheWrapOptions } from "@layeron/modules"
import { bodyOf } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { collectEvents, stopCollecting } from "../helpers/events"
import { deferred } from "../helpers/stale-module"
import { controlledStream, streamOf } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  collectWarnings,
  counts,
  endTest,
  outcomeSoFar,
  read,
  readerOf,
  type TestHandler,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"
import { sendAndSettle, throwingHandler, wrappedStale } from "../helpers/wrap-stale"

beforeEach(stopTime)
afterEach(async () => {
  await endTest()
  stopCollecting()
  jest.restoreAllMocks()
})

const TIMEOUT = { refreshTimeoutMs: 500 }
const neverResponds = () => new Promise<never>(() => {})
const TIMEOUT_MESSAGE = "Error: the background refresh took longer than 500 ms"
const respondingWith = (length: string, chunks: string[]) => () =>
  new Response(streamOf(chunks), { headers: { "content-length": length } })

const FAILURES: [string, TestHandler, CacheWrapOptions, string][] = [
  ["throws", throwingHandler, {}, "Error: down"],
  ["rejects", async () => Promise.reject(new Error("down")), {}, "Error: down"],
  ["throws what is no error", () => Promise.reject("down"), {}, "down"],
  ["throws what cannot be shown", () => Promise.reject(Object.create(null)), {}, ""],
  ["rejects with nothing", () => Promise.reject(), {}, "undefined"],
  ["answers 500", () => new Response("", { status: 500 }), {}, "Error: the handler answered 500"],
  ["answers 502", () => new Response("", { status: 502 }), {}, "Error: the handler answered 502"],
  ["answers 503", () => new Response("", { status: 503 }), {}, "Error: the handler answered 503"],
  ["answers 504", () => new Response("", { status: 504 }), {}, "Error: the handler answered 504"],
  ["breaks in its body", () => new Response(streamOf(["ne"], new Error("cut"))), {}, "Error: cut"],
  ["has a body shorter than its Content-Length", respondingWith("3", ["ne"]), {}, "Content-Length"],
  [
    "has a body longer than its Content-Length",
    respondingWith("3", ["ne", "ww"]),
    {},
    "Content-Length",
  ],
  [
    "gives no response",
    () => undefined as unknown as Response,
    {},
    "TypeError: the response of a wrapped handler must be",
  ],
  ["never answers", neverResponds, TIMEOUT, TIMEOUT_MESSAGE],
  ["never ends its body", () => new Response(controlledStream().stream), TIMEOUT, TIMEOUT_MESSAGE],
  [
    "never comes to its tags",
    () => new Response("new", { headers: { "x-new": "1" } }),
    TIMEOUT,
    TIMEOUT_MESSAGE,
  ],
]

describe("a refresh that", () => {
  test.each(FAILURES)(
    "%s leaves the stale response, and is counted, published and warned about",
    async (shown, refresh, options, reason) => {
      const tags = (_: Request, { headers }: Response) =>
        headers.has("x-new") ? neverResponds() : []
      const wrapper = await wrappedStale(refresh, { ...options, tags })
      const warned = collectWarnings()
      const { events } = collectEvents(["refresh"])
      expect(await sendAndSettle(wrapper)).toBe("old")
      if (shown.startsWith("never")) {
        await advanceSeconds(0.499)
        expect(events).toEqual([])
        await advanceSeconds(0.001)
      }
      const { identity, namespace, name } = wrapper.module
      expect(events).toEqual([
        {
          operation: "refresh",
          identity,
          namespace,
          name,
          key: wrapper.module.key(AT),
          outcome: "failed",
          reason: expect.stringContaining(reason),
        },
      ])
      const described = (events[0] as CacheEvent).reason
      expect(warned).toEqual([
        [
          `a refresh of ${identity} in the background has failed: ${described}`,
          "LAYERON_REFRESH_FAILED",
        ],
      ])
      expect(await counts(wrapper.module)).toMatchObject({ failedRefreshes: 1, puts: 1 })
      expect(await sendAndSettle(wrapper)).toBe("old")
      expect(wrapper.runs()).toBe(2)
    },
  )

  test("hangs has its signal aborted, and its later response is discarded", async () => {
    const { promise, resolve } = deferred<Response>()
    const body = controlledStream()
    collectWarnings()
    const wrapper = await wrappedStale(() => promise, TIMEOUT)
    expect(await sendAndSettle(wrapper)).toBe("old")
    const signal = wrapper.received[1]?.signal
    await advanceSeconds(0.499)
    expect(signal?.aborted).toBe(false)
    await advanceSeconds(0.001)
    expect(signal?.aborted).toBe(true)
    expect(signal?.reason).toMatchObject({ code: "LAYERON_REFRESH_TIMEOUT" })
    resolve(new Response(body.stream))
    await waitUntilIdle()
    expect(() => body.enqueue("late")).toThrow()
    expect(await bodyOf(wrapper.module, AT)).toBe("old")
    expect(await counts(wrapper.module)).toMatchObject({ failedRefreshes: 1, puts: 1 })
  })

  test("hangs in its body has the body cancelled", async () => {
    const body = controlledStream()
    collectWarnings()
    const wrapper = await wrappedStale(() => new Response(body.stream), TIMEOUT)
    await sendAndSettle(wrapper)
    body.enqueue("ne")
    await advanceSeconds(0.5)
    expect(() => body.enqueue("w")).toThrow()
    expect(wrapper.received[1]?.signal.aborted).toBe(true)
  })

  test("hangs and rejects later is counted once", async () => {
    let fail = (_: Error) => {}
    collectWarnings()
    const rejectsLate = new Promise<never>((_, reject) => {
      fail = reject
    })
    const wrapper = await wrappedStale(() => rejectsLate, TIMEOUT)
    await sendAndSettle(wrapper)
    await advanceSeconds(0.5)
    fail(new Error("late"))
    await waitUntilIdle()
    expect(await counts(wrapper.module)).toMatchObject({ failedRefreshes: 1 })
  })

  test("ends in time does not have its signal aborted", async () => {
    const wrapper = await wrappedStale(() => new Response("new"), TIMEOUT)
    await sendAndSettle(wrapper)
    await advanceSeconds(1)
    expect(wrapper.received[1]?.signal.aborted).toBe(false)
    expect(await sendAndSettle(wrapper)).toBe("new")
  })

  test.each([
    [200, "new"],
    [404, "new"],
    // A configured lifetime does not apply to a 501, so it does not replace the stored response.
    [501, "old"],
  ])("gets a %d has not failed, and the next caller gets the %s response", async (status, body) => {
    const warned = collectWarnings()
    const { events } = collectEvents(["refresh"])
    const wrapper = await wrappedStale(() => new Response("new", { status }))
    await sendAndSettle(wrapper)
    expect(await sendAndSettle(wrapper)).toBe(body)
    expect(warned).toEqual([])
    expect(events).toEqual([expect.objectContaining({ outcome: "refreshed" })])
    expect(await counts(wrapper.module)).not.toHaveProperty("failedRefreshes")
  })

  test("fails passes waitUntil a promise that is fulfilled", async () => {
    const work: Promise<unknown>[] = []
    collectWarnings()
    const wrapper = await wrappedStale(throwingHandler, {
      waitUntil: (promise) => void work.push(promise),
    })
    await sendAndSettle(wrapper)
    expect(work).toHaveLength(2)
    expect(await outcomeSoFar(Promise.all(work), () => "fulfilled")).toBe("fulfilled")
  })
})

test("a refresh that fails is warned of once a minute", async () => {
  const warned = collectWarnings()
  const wrapper = await wrappedStale(throwingHandler)
  await sendAndSettle(wrapper)
  await advanceSeconds(59.999)
  await sendAndSettle(wrapper)
  expect(wrapper.runs()).toBe(3)
  expect(warned).toHaveLength(1)
  await advanceSeconds(2)
  await sendAndSettle(wrapper)
  expect(wrapper.runs()).toBe(4)
  expect(warned).toHaveLength(2)
})

test("a refresh that times out has failed, and clients that read its body get it", async () => {
  const body = controlledStream()
  const options = { ...TIMEOUT, ttlSeconds: 1, staleWhileRevalidateSeconds: 1 }
  const { send, received, module } = wrapped(
    (_, run) => new Response(run === 1 ? "old" : body.stream),
    options,
  )
  await (await send()).text()
  await advanceSeconds(1.8)
  expect(await (await send()).text()).toBe("old")
  await advanceSeconds(0.3)
  const warned = collectWarnings()
  const response = await send()
  const reader = readerOf(response)
  expect(cacheStatusOf(response)).toMatch(/collapsed/)
  body.enqueue("ne")
  expect(await read(reader)).toBe("ne")
  await advanceSeconds(0.2)
  expect(warned.map(([, code]) => code)).toEqual(["LAYERON_REFRESH_FAILED"])
  expect([received[1]?.signal.aborted, received.length]).toEqual([false, 2])
  expect(await counts(module)).toMatchObject({ failedRefreshes: 1 })
  body.enqueue("w")
  expect(await read(reader)).toBe("w")
  body.end()
  expect(await read(reader)).toBeUndefined()
  expect(await bodyOf(module, AT)).toBeUndefined()
})

test("the body of a refresh that timed out is aborted when no client reads it any longer", async () => {
  const body = controlledStream()
  const options = { ...TIMEOUT, ttlSeconds: 1, staleWhileRevalidateSeconds: 1 }
  const { send, received } = wrapped(
    (_, run) => new Response(run === 1 ? "old" : body.stream),
    options,
  )
  await (await send()).text()
  await advanceSeconds(1.8)
  await (await send()).text()
  await advanceSeconds(0.3)
  collectWarnings()
  const reader = readerOf(await send())
  body.enqueue("ne")
  await read(reader)
  await advanceSeconds(0.2)
  expect(received[1]?.signal.aborted).toBe(false)
  await reader.cancel()
  await waitUntilIdle()
  expect(received[1]?.signal.aborted).toBe(true)
})
