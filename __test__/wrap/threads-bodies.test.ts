import type { CacheModule, CachePurgeSelector } from "@layeron/modules"
import { bodyOf, freshCache } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { controlledStream } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endTest,
  POLICY,
  read,
  readerOf,
  TTL,
  texts,
  type Wrapped,
  waitUntil,
  wrappedIn,
} from "../helpers/wrap"
import { type Mode, type Thread, Threads } from "../helpers/wrap-thread"

beforeEach(stopTime)
afterEach(async () => {
  await Promise.all(started.splice(0).map((threads) => threads.end()))
  await endTest()
})

const started: Threads[] = []
const WAITER_STATUS = "fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60"
const TAGGED = { ...POLICY, tags: ["t"] }

interface WithThread {
  readonly module: CacheModule
  readonly thread: Thread
  readonly threads: Threads
  /** The handler of the test's thread. */
  readonly local: Wrapped
}

async function withThread(mode: Mode, module: CacheModule = freshCache()): Promise<WithThread> {
  const threads = new Threads(module)
  started.push(threads)
  const thread = await threads.start(mode, TAGGED)
  return { module, thread, threads, local: wrappedIn(module, () => new Response("here"), POLICY) }
}

describe("a body that a worker thread's handler is still writing", () => {
  async function bodyInProgress() {
    const both = await withThread("stream")
    const { thread, local } = both
    const leader = thread.open("led")
    await thread.running()
    const response = await local.send()
    return { ...both, leader, response, reader: readerOf(response) }
  }

  test("is shared with this thread, head and first bytes before the rest", async () => {
    const { module, thread, local, leader, response, reader } = await bodyInProgress()
    expect([await leader, cacheStatusOf(response)]).toEqual([
      { status: 200, cacheStatus: "fwd=uri-miss; fwd-status=200; stored; ttl=60" },
      WAITER_STATUS,
    ])
    await thread.writeBody("ab")
    expect([await read(reader), await thread.read("led")]).toEqual(["ab", "ab"])
    const late = await local.send()
    expect(cacheStatusOf(late)).toBe(WAITER_STATUS)
    expect(await bodyOf(module, AT)).toBeUndefined()
    await thread.writeBody("cd")
    expect([await read(reader), await thread.read("led")]).toEqual(["cd", "cd"])
    await thread.endBody()
    expect([await read(reader), await thread.read("led")]).toEqual([undefined, undefined])
    expect(await late.text()).toBe("abcd")
    expect(await bodyOf(module, AT)).toBe("abcd")
    expect(local.runs()).toBe(0)
    expect(await counts(module)).toMatchObject({ puts: 1, collapsed: 2 })
  })

  test("is complete here and is stored, even if the leader's client cancels", async () => {
    const { module, thread, local, leader, reader } = await bodyInProgress()
    await leader
    await thread.cancel("led")
    for (const text of ["ab", "cd"]) {
      await thread.writeBody(text)
      expect(await read(reader)).toBe(text)
    }
    await thread.endBody()
    expect(await read(reader)).toBeUndefined()
    expect(await (await local.send()).text()).toBe("abcd")
    expect(local.runs()).toBe(0)
    await waitUntil(async () => (await module.stats()).puts === 1)
    expect(await bodyOf(module, AT)).toBe("abcd")
  })

  test("is complete there and is stored when a waiter here cancels", async () => {
    const { module, thread, leader, reader } = await bodyInProgress()
    await leader
    await thread.writeBody("ab")
    expect(await read(reader)).toBe("ab")
    await reader.cancel()
    await thread.writeBody("cd")
    await thread.endBody()
    expect([await thread.read("led"), await thread.read("led")]).toEqual(["ab", "cd"])
    expect(await thread.read("led")).toBeUndefined()
    expect(await bodyOf(module, AT)).toBe("abcd")
  })

  test("is an error here when the thread ends, nothing is stored, and the next caller runs the handler", async () => {
    const { module, thread, local, leader, reader } = await bodyInProgress()
    await leader
    await thread.writeBody("ab")
    expect(await read(reader)).toBe("ab")
    const rest = reader.read().then(
      () => "read",
      (error: Error) => error.name,
    )
    await thread.end()
    const writeResult = Promise.race([
      rest,
      new Promise((resolve) => void setImmediate(() => nothingSeen(resolve))),
    ])
    expect(await writeResult).toBe("TypeError")
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await (await local.send()).text()).toBe("here")
  })

  test.each<[string, CachePurgeSelector]>([
    ["tag", { tags: ["t"] }],
    ["request", { request: AT }],
    ["prefix", { prefix: "/w" }],
    ["everything", { everything: true }],
  ])(
    "is not stored if it is purged here by %s, and a later request has a run of its own",
    async (_, selector) => {
      const { module, thread, local, leader, reader } = await bodyInProgress()
      await leader
      await module.purge(selector)
      await thread.writeBody("old")
      expect(await (await local.send()).text()).toBe("here")
      expect(local.runs()).toBe(1)
      await thread.endBody()
      expect(await read(reader)).toBe("old")
      expect([await thread.read("led"), await thread.read("led")]).toEqual(["old", undefined])
      expect(await bodyOf(module, AT)).toBe("here")
      expect(await counts(module)).toMatchObject({ puts: 1, fencedWrites: 1 })
    },
  )
})

/**
 * Resolves to `nothing` after 200 turns of the event loop, enough for a message of another thread.
 */
async function nothingSeen(resolve: (what: string) => void): Promise<void> {
  for (let round = 0; round < 200; round++) await new Promise((next) => setImmediate(next))
  resolve("nothing")
}

test("a body that is being written here is shared with a worker thread", async () => {
  const body = controlledStream()
  const { module, thread, threads } = await withThread("there")
  const local = wrappedIn(module, () => new Response(body.stream), POLICY)
  const leader = await local.send()
  expect(await thread.open("waited")).toEqual({ status: 200, cacheStatus: WAITER_STATUS })
  body.enqueue("ab")
  expect(await thread.read("waited")).toBe("ab")
  body.enqueue("cd")
  expect(await thread.read("waited")).toBe("cd")
  body.end()
  expect(await thread.read("waited")).toBeUndefined()
  expect(await leader.text()).toBe("abcd")
  expect([local.runs(), threads.runs()]).toEqual([1, 0])
})

describe("a worker thread that ends while its handler is being run", () => {
  test("lets its waiters here share one run of their own handler", async () => {
    const { thread, local } = await withThread("hangs")
    void thread.request().catch(() => {})
    await thread.running()
    const all = concurrently(100, () => local.send())
    await thread.end()
    expect(countEach(await texts(all))).toEqual({ here: 100 })
    expect(local.runs()).toBe(1)
  })

  test("in the background leaves the stale response, and the next refresh is made after refreshTimeoutMs", async () => {
    const { module, thread, local } = await withThread("hangs")
    await module.put(AT, new Response("old"), POLICY)
    await advanceSeconds(TTL)
    expect(await thread.request()).toMatchObject({ text: "old" })
    await thread.running()
    await thread.end()
    await advanceSeconds(29.999)
    expect(await (await local.send()).text()).toBe("old")
    expect(local.runs()).toBe(0)
    await advanceSeconds(0.001)
    expect(await (await local.send()).text()).toBe("old")
    expect(local.runs()).toBe(1)
    await waitUntil(async () => (await bodyOf(module, AT)) === "here")
  })

  test("as a waiter does not affect the run here", async () => {
    const body = controlledStream()
    const { module, thread } = await withThread("there")
    const local = wrappedIn(module, () => new Response(body.stream), POLICY)
    const leader = await local.send()
    await thread.open("waited")
    await thread.end()
    body.enqueue("ab")
    body.end()
    expect(await leader.text()).toBe("ab")
    expect(await bodyOf(module, AT)).toBe("ab")
  })
})

test("a waiter here leaves a handler that hangs on a worker thread after refreshTimeoutMs", async () => {
  const { module, thread } = await withThread("hangs")
  const local = wrappedIn(module, () => new Response("here"), { ...POLICY, refreshTimeoutMs: 500 })
  void thread.request().catch(() => {})
  await thread.running()
  const all = concurrently(100, () => local.send())
  await advanceSeconds(0.499)
  expect(local.runs()).toBe(0)
  await advanceSeconds(0.001)
  expect(countEach(await texts(all))).toEqual({ here: 100 })
  expect(local.runs()).toBe(1)
})
