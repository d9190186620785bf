import type { CacheModuleOptions } from "@layeron/modules"
import { bodyOf, errorOf, freshCache, get, refusals, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { bytes } from "../helpers/response-pair"
import { controlledStream, streamOf } from "../helpers/streams"
import { endTest, POLICY, read, readerOf, waitUntilIdle, wrappedIn } from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const KIB = 1024
const PIECE = 64 * KIB

function boundedModule(
  maxInFlightBytes: number | undefined,
  maxBytes = 8 * KIB * KIB,
): CacheModuleOptions {
  return { name: "unused", storage: { memory: { maxBytes, maxInFlightBytes } } }
}

function instance(...args: Parameters<typeof boundedModule>) {
  const { storage } = boundedModule(...args)
  return freshCache({ storage })
}

/** Wraps a handler whose bodies the test writes, one per path. */
function controlledWrapper(module = instance(4 * PIECE)) {
  const bodies = new Map<string, ReturnType<typeof controlledStream>>()
  const wrapper = wrappedIn(
    module,
    ({ url: at }) => {
      const body = controlledStream()
      bodies.set(at, body)
      return new Response(body.stream)
    },
    POLICY,
  )
  const feed = (path: string) => bodies.get(url(path)) as ReturnType<typeof controlledStream>
  return { ...wrapper, feed, inFlight: async () => (await module.inspect()).inFlightBytes }
}

const CHUNK = "c".repeat(PIECE)

describe("bodies in flight", () => {
  test("never take more than maxInFlightBytes and one piece each, and all reach their clients", async () => {
    const { send, feed, inFlight, module } = controlledWrapper()
    const paths = Array.from({ length: 30 }, (_, n) => `/body/${n}`)
    const readers = await Promise.all(paths.map(async (path) => readerOf(await send(get(path)))))
    for (let chunk = 0; chunk < 8; chunk++) {
      for (const path of paths) feed(path).enqueue(CHUNK)
      await waitUntilIdle()
      expect(await inFlight()).toBeLessThanOrEqual(4 * PIECE + paths.length * PIECE)
      for (const reader of readers) expect((await read(reader))?.length).toBe(PIECE)
    }
    for (const path of paths) feed(path).end()
    for (const reader of readers) expect(await read(reader)).toBeUndefined()
    await waitUntilIdle()
    expect(await module.inspect()).toMatchObject({ inFlightBytes: 0, entries: 0 })
    expect(await refusals(module)).toEqual({ "in-flight": 30 })
  })

  test("that exceed the limit are not stored, so that some of those that grow together are", async () => {
    const { send, feed, module } = controlledWrapper(instance(16 * PIECE))
    const paths = Array.from({ length: 8 }, (_, n) => `/body/${n}`)
    const readers = await Promise.all(paths.map(async (path) => readerOf(await send(get(path)))))
    for (let chunk = 0; chunk < 8; chunk++) {
      for (const path of paths) feed(path).enqueue(CHUNK)
      await waitUntilIdle()
      for (const reader of readers) expect((await read(reader))?.length).toBe(PIECE)
    }
    for (const path of paths) feed(path).end()
    await waitUntilIdle()
    const { entries } = await module.inspect()
    expect(entries).toBeGreaterThan(0)
    expect(await refusals(module)).toEqual({ "in-flight": 8 - entries })
  })

  test("that are written faster than their clients read wait, and some of them are stored", async () => {
    const module = instance(16 * PIECE)
    const whole = bytes(8 * PIECE)
    const { send } = wrappedIn(module, () => new Response(whole), POLICY)
    const responses = await Promise.all(
      Array.from({ length: 30 }, (_, n) => send(get(`/body/${n}`))),
    )
    await waitUntilIdle()
    expect((await module.inspect()).inFlightBytes).toBeLessThanOrEqual(16 * PIECE + 30 * PIECE)
    for (const response of responses) {
      expect(Buffer.from(await response.arrayBuffer()).equals(whole)).toBe(true)
    }
    await waitUntilIdle()
    const { entries, inFlightBytes } = await module.inspect()
    expect([entries > 0, inFlightBytes]).toEqual([true, 0])
  })

  test("of clients that do not read hold at most one piece each", async () => {
    const { send, feed, inFlight } = controlledWrapper()
    const paths = ["/a", "/b", "/c"]
    for (const path of paths) await send(get(path))
    for (let chunk = 0; chunk < 20; chunk++) {
      for (const path of paths) feed(path).enqueue(CHUNK)
      await waitUntilIdle()
    }
    expect(await inFlight()).toBeLessThanOrEqual(4 * PIECE + paths.length * PIECE)
  })

  test("free their bytes when they are stored, whether or not their clients have read them", async () => {
    const { send, feed, inFlight, module } = controlledWrapper()
    for (let n = 0; n < 10; n++) {
      const response = await send(get(`/body/${n}`))
      for (let chunk = 0; chunk < 3; chunk++) feed(`/body/${n}`).enqueue(CHUNK)
      feed(`/body/${n}`).end()
      await waitUntilIdle()
      expect(await inFlight()).toBe(0)
      if (n === 9) expect((await response.text()).length).toBe(3 * PIECE)
    }
    expect((await module.inspect()).entries).toBe(10)
  })

  test("free their bytes when they are aborted or their clients leave", async () => {
    const { send, feed, inFlight } = controlledWrapper()
    const broken = await send(get("/broken"))
    feed("/broken").enqueue(CHUNK)
    await waitUntilIdle()
    expect(await inFlight()).toBe(PIECE)
    await broken.body?.cancel()
    feed("/broken").end()
    await waitUntilIdle()
    expect(await inFlight()).toBe(0)
  })

  test("of one chunk that is larger than a piece reach their clients in pieces", async () => {
    const module = instance(64 * KIB * KIB, 64 * KIB * KIB)
    const whole = bytes(5 * PIECE + 1)
    const { send } = wrappedIn(module, () => new Response(whole), POLICY)
    const reader = readerOf(await send(get("/whole")))
    const sizes: number[] = []
    const parts: Uint8Array[] = []
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      sizes.push(part.value.length)
      parts.push(part.value)
    }
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PIECE)
    expect(Buffer.concat(parts).equals(whole)).toBe(true)
    await waitUntilIdle()
    const stored = await (await module.match(url("/whole")))?.arrayBuffer()
    expect(Buffer.from(stored as ArrayBuffer).equals(whole)).toBe(true)
  })
})

describe("a put", () => {
  test("of a body in one chunk is stored however many there are at the same time", async () => {
    const module = instance(PIECE)
    const paths = Array.from({ length: 50 }, (_, n) => `/put/${n}`)
    await Promise.all(paths.map((path) => module.put(url(path), new Response(CHUNK))))
    expect(await refusals(module)).toEqual({})
    for (const path of paths) expect((await bodyOf(module, url(path)))?.length).toBe(PIECE)
  })

  test("of a body in several chunks stores nothing if bodies in flight have reached the limit", async () => {
    const module = instance(2 * PIECE)
    const slow = controlledStream()
    const pendingPut = module.put(url("/slow"), new Response(slow.stream))
    slow.enqueue(CHUNK)
    slow.enqueue(CHUNK)
    await waitUntilIdle()
    expect((await module.inspect()).inFlightBytes).toBe(2 * PIECE)
    await module.put(url("/other"), new Response(streamOf(["a", "b"])))
    expect([await bodyOf(module, url("/other")), await refusals(module)]).toEqual([
      undefined,
      { "in-flight": 1 },
    ])
    slow.end()
    await pendingPut
    expect((await bodyOf(module, url("/slow")))?.length).toBe(2 * PIECE)
    await module.put(url("/other"), new Response(streamOf(["a", "b"])))
    expect([await bodyOf(module, url("/other")), (await module.inspect()).inFlightBytes]).toEqual([
      "ab",
      0,
    ])
  })

  test("whose body fails frees its bytes", async () => {
    const module = instance(PIECE)
    const failing = new Response(streamOf([CHUNK.slice(1), "c"], new Error("cut")))
    expect((await errorOf(() => module.put(url("/a"), failing))).message).toBe("cut")
    expect((await module.inspect()).inFlightBytes).toBe(0)
  })
})

test("by default maxEntryBytes is an eighth and maxInFlightBytes a quarter of maxBytes", async () => {
  const module = instance(undefined, 8 * PIECE)
  await module.put(url("/fits"), new Response("f".repeat(PIECE - 300)))
  await module.put(url("/exceeds"), new Response("e".repeat(PIECE)))
  expect(await refusals(module)).toEqual({ "too-large": 1 })
  expect((await bodyOf(module, url("/fits")))?.length).toBe(PIECE - 300)
  const slow = controlledStream()
  void module.put(url("/slow"), new Response(slow.stream)).catch(() => {})
  slow.enqueue("s".repeat(PIECE / 2))
  slow.enqueue("s".repeat(PIECE / 4))
  await waitUntilIdle()
  expect((await module.inspect()).inFlightBytes).toBe((PIECE * 3) / 4)
})
