import type { CacheModuleOptions } from "@layeron/modules"
import { bodyOf, get, NO_STATS, refusals, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import { controlledStream, streamOf } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  collectWarnings,
  concurrently,
  countEach,
  counts,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  readerOf,
  type TestHandler,
  TTL,
  texts,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"
import { sendAndSettle, wrappedStale } from "../helpers/wrap-stale"

beforeEach(stopTime)
afterEach(async () => {
  await endTest()
  jest.restoreAllMocks()
})

describe("a response without a body", () => {
  test.each([204, 304, 200])(
    "of status %d is sent to the leader, the waiters and later callers",
    async (status) => {
      const gate = deferred()
      const { send, runs } = wrapped(async () => {
        await gate.promise
        return new Response(null, { status, headers: { "x-kept": "1" } })
      }, POLICY)
      const all = concurrently(3, () => send())
      gate.resolve()
      const responses = [...(await Promise.all(all)), await send()]
      expect(
        responses.map((response) => [response.status, response.headers.get("x-kept")]),
      ).toEqual(Array(4).fill([status, "1"]))
      expect(await Promise.all(responses.map((response) => response.text()))).toEqual([
        "",
        "",
        "",
        "",
      ])
      if (status !== 200)
        expect(responses.map(({ body }) => body)).toEqual([null, null, null, null])
      expect(runs()).toBe(status === 304 ? 4 : 1)
    },
  )

  test("is distinguished from one with an empty body", async () => {
    const { module, send } = wrapped(
      ({ url }) => new Response(url.endsWith("null") ? null : ""),
      POLICY,
    )
    for (const path of ["/null", "/empty"]) await (await send(get(path))).text()
    await waitUntilIdle()
    expect((await module.match(url("/null")))?.body).toBeNull()
    expect((await module.match(url("/empty")))?.body).not.toBeNull()
    expect(await bodyOf(module, url("/empty"))).toBe("")
  })
})

describe("a body with a Content-Length", () => {
  const respondingWith = (length: string, chunks: string[], headers = {}) =>
    new Response(streamOf(chunks), { headers: { "content-length": length, ...headers } })

  test.each<[string, string, string[]]>([
    ["shorter", "5", ["ab", "cd"]],
    ["longer", "3", ["ab", "cd"]],
    ["longer, with more to come", "3", ["abcd", "ef", "gh"]],
    ["empty", "1", []],
    ["not empty for a length of 0", "0", ["a"]],
  ])("is an error for all readers and is not stored if it is %s", async (_, length, chunks) => {
    const { module, send, runs } = wrapped(async () => respondingWith(length, chunks), POLICY)
    for (const answer of concurrently(3, () => send())) {
      await expect((await answer).text()).rejects.toThrow(/Content-Length/)
    }
    expect(runs()).toBe(1)
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 4 })
  })

  test.each<[string, () => Response]>([
    ["has that length", () => respondingWith("4", ["ab", "cd"])],
    [
      "was decoded on its way",
      () => respondingWith("9", ["ab", "cd"], { "content-encoding": "gzip" }),
    ],
    ["has an invalid Content-Length", () => respondingWith("four", ["ab", "cd"])],
  ])("is stored if it %s", async (_, respond) => {
    const { module, send } = wrapped(respond, POLICY)
    expect(await (await send()).text()).toBe("abcd")
    expect(await bodyOf(module, AT)).toBe("abcd")
  })
})

describe("an aborted body", () => {
  test.each<[string, () => ReadableStream, RegExp]>([
    ["at once", () => streamOf([], new Error("cut")), /cut/],
    ["later", () => streamOf(["ab"], new Error("cut")), /cut/],
    [
      "with what is no error",
      () => new ReadableStream({ pull: (feed) => feed.error("cut") }),
      /cut/,
    ],
    [
      "because it is not one of bytes",
      () => new ReadableStream({ pull: (feed) => feed.enqueue("ab") }),
      /./,
    ],
  ])(
    "%s is an error for its reader and is not stored, and the next request runs the handler",
    async (_, make, message) => {
      const { module, send, runs } = wrapped(
        (_request, run) => new Response(run === 1 ? make() : "whole"),
        POLICY,
      )
      await expect((await send()).text()).rejects.toThrow(message)
      expect(await bodyOf(module, AT)).toBeUndefined()
      expect(await (await send()).text()).toBe("whole")
      expect(runs()).toBe(2)
      expect(await module.stats()).toMatchObject({ puts: 1 })
    },
  )

  test("before the first read causes no unhandled rejection", async () => {
    const { send } = wrapped(() => new Response(streamOf([], new Error("cut"))), POLICY)
    const response = await send()
    await waitUntilIdle()
    await expect(response.text()).rejects.toThrow("cut")
  })
})

describe("a body of more than maxEntryBytes", () => {
  const SMALL: Partial<CacheModuleOptions> = {
    storage: { memory: { maxBytes: 100_000, maxEntryBytes: 1_000 } },
  }
  const part = "x".repeat(400)
  const PARTS = [part, part, part, part]
  const big = (headers: Record<string, string> = {}) => new Response(streamOf(PARTS), { headers })

  test.each<[string, Record<string, string>]>([
    ["with a larger Content-Length", { "content-length": "1600" }],
    ["without a Content-Length", {}],
  ])("%s is sent completely, is not stored, and evicts nothing", async (_, headers) => {
    const { module, send, runs } = wrapped(() => big(headers), POLICY, SMALL)
    await module.put(url("/kept"), new Response("kept"), POLICY)
    for (let call = 1; call <= 2; call++) expect(await (await send()).text()).toBe(PARTS.join(""))
    expect(runs()).toBe(2)
    expect(await refusals(module)).toEqual({ "too-large": 2 })
    expect(await module.inspect()).toMatchObject({ entries: 1, evictions: 0 })
  })

  test("is read to its end by waiters that have its head, and later requests are not coalesced", async () => {
    const body = controlledStream()
    const { send, runs } = wrapped(
      (_, run) => (run === 1 ? new Response(body.stream) : big()),
      POLICY,
      SMALL,
    )
    const first = concurrently(2, () => send())
    const read = texts(first)
    for (const chunk of PARTS) {
      await waitUntilIdle()
      body.enqueue(chunk)
    }
    await waitUntilIdle()
    expect(runs()).toBe(1)
    expect(countEach(await texts(concurrently(3, () => send())))).toEqual({ [PARTS.join("")]: 3 })
    expect(runs()).toBe(4)
    body.end()
    expect(countEach(await read)).toEqual({ [PARTS.join("")]: 2 })
  })

  test.each<[string, Record<string, string>]>([
    ["with a larger Content-Length", { "content-length": "1600" }],
    ["without a Content-Length", {}],
  ])("%s removes the stale response that it should refresh", async (_, headers) => {
    collectWarnings()
    const next: TestHandler = () => big(headers)
    const wrapper = await wrappedStale(next, {}, SMALL)
    expect(await sendAndSettle(wrapper)).toBe("old")
    expect(await wrapper.module.inspect()).toMatchObject({ entries: 0, failedRefreshes: 0 })
    expect(await refusals(wrapper.module)).toEqual({ "too-large": 1 })
  })

  test("of exactly maxEntryBytes is stored", async () => {
    const { module, send } = wrapped(
      ({ url }) => new Response("x".repeat(Number(url.split("?")[1]))),
      POLICY,
      SMALL,
    )
    let most = 0
    for (let length = 1_000; most === 0; length--) {
      await (await send(get(`${PATH}?${length}`))).text()
      await waitUntilIdle()
      if ((await module.inspect()).entries > 0) most = length
    }
    expect(most).toBeGreaterThan(500)
    expect(await refusals(module)).toEqual({ "too-large": 1_000 - most })
  })
})

describe("a body without an end", () => {
  test("that is text/event-stream reaches its client event by event, and no other request waits for it", async () => {
    const bodies = [controlledStream(), controlledStream()]
    const { module, send, runs } = wrapped(
      (_, run) =>
        new Response(bodies[run - 1]?.stream, { headers: { "content-type": "text/event-stream" } }),
      POLICY,
    )
    const all = await Promise.all(concurrently(2, () => send()))
    expect(all.map(cacheStatusOf)).toEqual(
      Array(2).fill("fwd=uri-miss; fwd-status=200; detail=event-stream"),
    )
    expect(runs()).toBe(2)
    const reader = readerOf(all[0] as Response)
    const first = reader.read()
    expect(await outcomeSoFar(first)).toBe("pending")
    bodies[0]?.enqueue("data: 1\n\n")
    expect(new TextDecoder().decode((await first).value)).toBe("data: 1\n\n")
    expect(await bodyOf(module, AT)).toBeUndefined()
    await advanceSeconds(TTL)
    bodies[0]?.enqueue("data: 2\n\n")
    expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: 2\n\n")
    for (const body of bodies) body.end()
  })
})

test("a body that its client never reads is stored, and other clients can read it", async () => {
  const { module, send, runs } = wrapped(async () => new Response(streamOf(["ab", "cd"])), POLICY)
  const [, waiters] = await Promise.all([send(), send()])
  expect(await waiters.text()).toBe("abcd")
  expect(await bodyOf(module, AT)).toBe("abcd")
  expect([cacheStatusOf(await send()), runs()]).toEqual(["hit; ttl=60", 1])
  expect(await counts(module)).toMatchObject({ puts: 1 })
})
