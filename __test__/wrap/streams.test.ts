import type { CacheModuleOptions } from "@layeron/modules"
import { get } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { collectGarbage } from "../helpers/garbage-collection"
import { deferred } from "../helpers/stale-module"
import { controlledStream } from "../helpers/streams"
import {
  advanceSeconds,
  cacheStatusOf,
  counts,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  read,
  readerOf,
  texts,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const KB = 1024
const CHUNK = 16 * KB
const SMALL: Partial<CacheModuleOptions> = { storage: { memory: { maxEntryBytes: 64 * KB } } }
/**
 * Maximum number of chunks ahead of the slowest reader: 64 KB of a body that may be stored, a
 * window of 256 KB, and the queues of the streams themselves.
 */
const MAX_CHUNKS_AHEAD = (64 + 256) / 16 + 4

/**
 * Wraps a handler with an endless body that begins when `begins` resolves, and observes its pulls
 * and its cancellation.
 */
function endlessWrapper(headers: Record<string, string> = {}, begins = Promise.resolve()) {
  let pulls = 0
  let cancelled = false
  const respond = () => {
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await begins
        pulls += 1
        controller.enqueue(new Uint8Array(CHUNK))
      },
      cancel() {
        cancelled = true
      },
    })
    return new Response(stream, { headers })
  }
  return { ...wrapped(respond, POLICY, SMALL), pulls: () => pulls, cancelled: () => cancelled }
}

/** Creates two readers of one endless body. */
async function twoReaders() {
  const begins = deferred()
  const wrapper = endlessWrapper({}, begins.promise)
  const [one, other] = await Promise.all([wrapper.send(), wrapper.send()])
  expect(wrapper.runs()).toBe(1)
  begins.resolve()
  return { ...wrapper, one: readerOf(one), other: readerOf(other) }
}

/** Reads `chunks` chunks. */
async function readChunks(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  chunks: number,
): Promise<void> {
  for (let chunk = 0; chunk < chunks; chunk++)
    expect((await reader.read()).value?.byteLength).toBe(CHUNK)
}

describe("an endless body is read no further than a window ahead", () => {
  test.each<[string, Record<string, string>]>([
    ["that may be stored", {}],
    ["with a Content-Length over maxEntryBytes", { "content-length": `${1024 * KB * KB}` }],
    ["that is not stored", { "cache-control": "no-store" }],
    ["that is text/event-stream", { "content-type": "text/event-stream" }],
  ])("of a reader, %s", async (_, headers) => {
    const { send, pulls } = endlessWrapper(headers)
    const reader = readerOf(await send())
    await waitUntilIdle()
    expect(pulls()).toBeLessThanOrEqual(MAX_CHUNKS_AHEAD)
    for (let taken = 10; taken <= 200; taken += 10) {
      await readChunks(reader, 10)
      await waitUntilIdle()
      expect(pulls()).toBeLessThanOrEqual(taken + MAX_CHUNKS_AHEAD)
    }
    expect(pulls()).toBeGreaterThanOrEqual(200)
    await reader.cancel()
  })

  test("before the slowest of several readers, until one has waited for 30 s", async () => {
    const { pulls, one: fast, other: slow } = await twoReaders()
    await readChunks(slow, 2)
    await readChunks(fast, 10)
    const blocked = (async () => readChunks(fast, 100))()
    await waitUntilIdle()
    const before = pulls()
    expect(before).toBeLessThanOrEqual(2 + MAX_CHUNKS_AHEAD)
    await advanceSeconds(29.999)
    expect([pulls(), await outcomeSoFar(blocked)]).toEqual([before, "pending"])
    await advanceSeconds(0.001)
    await blocked
    await expect((async () => readChunks(slow, 100))()).rejects.toThrow(
      "the response was read too slowly",
    )
    await readChunks(fast, 10)
    await fast.cancel()
  })

  test("of the only reader, however long that takes", async () => {
    const { send, pulls } = endlessWrapper()
    const reader = readerOf(await send())
    await readChunks(reader, 1)
    for (let minute = 0; minute < 10; minute++) await advanceSeconds(60)
    expect(pulls()).toBeLessThanOrEqual(1 + MAX_CHUNKS_AHEAD)
    await readChunks(reader, 100)
    await reader.cancel()
  })
})

describe("the handler's body is cancelled, and its request aborted,", () => {
  test("when the only reader of a body that is too large cancels", async () => {
    const { send, received, cancelled, module } = endlessWrapper()
    const reader = readerOf(await send())
    await readChunks(reader, 30)
    expect([cancelled(), received[0]?.signal.aborted]).toEqual([false, false])
    await reader.cancel()
    await waitUntilIdle()
    expect([cancelled(), received[0]?.signal.aborted]).toEqual([true, true])
    expect(await module.inspect()).toMatchObject({ entries: 0 })
  })

  test("when the last of its readers cancels, and not before", async () => {
    const { cancelled, one, other } = await twoReaders()
    for (const reader of [one, other]) {
      expect(cancelled()).toBe(false)
      await readChunks(reader, 10)
      await reader.cancel()
      await waitUntilIdle()
    }
    expect(cancelled()).toBe(true)
  })

  test("when it has no data at the moment, as soon as its only reader cancels", async () => {
    const body = controlledStream()
    const { send, received } = wrapped(() => new Response(body.stream), POLICY, SMALL)
    const reader = readerOf(await send())
    body.enqueue("x".repeat(65 * KB))
    await read(reader)
    await waitUntilIdle()
    expect(received[0]?.signal.aborted).toBe(false)
    await reader.cancel()
    await waitUntilIdle()
    expect(received[0]?.signal.aborted).toBe(true)
    expect(() => body.enqueue("more")).toThrow()
  })

  test("when the response of a body that is too large is garbage-collected", async () => {
    const { send, cancelled } = endlessWrapper()
    await (async () => void (await send()))()
    await collectGarbage(cancelled)
    expect(cancelled()).toBe(true)
  })

  test.each<[string, Record<string, string>]>([
    ["is not stored", { "cache-control": "no-store" }],
    ["is text/event-stream", { "content-type": "text/event-stream" }],
  ])("when the client cancels a body that %s", async (_, headers) => {
    const { send, cancelled } = endlessWrapper(headers)
    const reader = readerOf(await send())
    await readChunks(reader, 3)
    await reader.cancel()
    expect(cancelled()).toBe(true)
  })
})

describe("a body is the one of its handler", () => {
  test("if another was read to its end and has been garbage-collected", async () => {
    const body = controlledStream()
    const { send } = wrapped(
      ({ url }) => new Response(url.endsWith("b") ? body.stream : "done"),
      POLICY,
    )
    await (async () => expect(await (await send(get("/a"))).text()).toBe("done"))()
    const response = await send(get("/b"))
    body.enqueue("one ")
    await collectGarbage()
    body.enqueue("two")
    body.end()
    expect(await response.text()).toBe("one two")
  })

  test("if the client of another has cancelled while it waited for more", async () => {
    const bodies: Record<string, ReturnType<typeof controlledStream>> = {
      "/a": controlledStream(),
      "/b": controlledStream(),
    }
    const { send } = wrapped(
      ({ url }) => new Response(bodies[new URL(url).pathname]?.stream),
      POLICY,
    )
    const reader = readerOf(await send(get("/a")))
    const waiting = reader.read()
    await waitUntilIdle()
    await reader.cancel()
    expect((await waiting).done).toBe(true)
    bodies["/b"]?.enqueue("one ")
    const response = await send(get("/b"))
    await waitUntilIdle()
    bodies["/a"]?.enqueue("other")
    await waitUntilIdle()
    bodies["/b"]?.enqueue("two")
    bodies["/b"]?.end()
    bodies["/a"]?.end()
    expect(await response.text()).toBe("one two")
  })

  test("for each of several concurrent readers, in chunks of any size", async () => {
    const contents = Array.from({ length: 20 }, (_, index) =>
      `${index % 10}`.repeat(1 + index * 37),
    )
    const bodies = contents.map(controlledStream)
    const { send } = wrapped(
      ({ url }) => new Response(bodies[Number(new URL(url).search.slice(1))]?.stream),
      POLICY,
    )
    const all = contents.flatMap((_, index) => [
      send(get(`${PATH}?${index}`)),
      send(get(`${PATH}?${index}`)),
    ])
    const results = texts(all)
    for (let at = 0; at < 800; at += 100) {
      for (const [index, body] of bodies.entries()) {
        const part = contents[index]?.slice(at, at + 100)
        if (part) body.enqueue(part)
      }
      await waitUntilIdle()
    }
    for (const body of bodies) body.end()
    expect(await results).toEqual(contents.flatMap((text) => [text, text]))
  })
})

test("a response that is garbage-collected unread is stored", async () => {
  const body = controlledStream()
  const { module, send } = wrapped(() => new Response(body.stream), POLICY)
  await (async () => void (await send()))()
  body.enqueue("ab")
  await collectGarbage()
  body.enqueue("cd")
  body.end()
  await waitUntilIdle()
  const stored = await send()
  expect([cacheStatusOf(stored), await stored.text()]).toEqual(["hit; ttl=60", "abcd"])
  expect(await counts(module)).toMatchObject({ puts: 1 })
})

test("a reader gets each chunk of a body when the handler writes it", async () => {
  const body = controlledStream()
  const { send } = wrapped(() => new Response(body.stream), POLICY)
  const reader = readerOf(await send())
  for (const part of ["a", "bc", "d"]) {
    const next = read(reader)
    expect(await outcomeSoFar(next)).toBe("pending")
    body.enqueue(part)
    expect(await next).toBe(part)
  }
  body.end()
  expect(await read(reader)).toBeUndefined()
})
