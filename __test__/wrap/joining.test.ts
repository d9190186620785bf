import { bodyOf, get, refusals, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import { controlledStream } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  counts,
  endTest,
  PATH,
  read,
  readerOf,
  texts,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

/** Wraps a handler whose bodies the test writes, one per run. */
function controlledWrapper(options: object, init: ResponseInit = {}) {
  const bodies: ReturnType<typeof controlledStream>[] = []
  const wrapper = wrapped(() => {
    const body = controlledStream()
    bodies.push(body)
    return new Response(body.stream, init)
  }, options)
  const feed = (run: number) => bodies[run - 1] as ReturnType<typeof controlledStream>
  return { ...wrapper, feed }
}

describe("a response whose body is in progress is joined", () => {
  test("while it is fresh, and no longer", async () => {
    const { send, runs, feed } = controlledWrapper({ ttlSeconds: 1 })
    const first = readerOf(await send())
    await advanceSeconds(0.999)
    const joined = await send()
    expect([runs(), cacheStatusOf(joined)]).toEqual([
      1,
      "fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=0",
    ])
    await advanceSeconds(0.001)
    const late = await send()
    expect([runs(), cacheStatusOf(late)]).toEqual([
      2,
      "fwd=uri-miss; fwd-status=200; stored; ttl=1",
    ])
    feed(1).enqueue("one")
    feed(2).enqueue("two")
    expect([await read(first), await read(readerOf(joined)), await read(readerOf(late))]).toEqual([
      "one",
      "one",
      "two",
    ])
  })

  test("not within its stale window either", async () => {
    const { send, runs } = controlledWrapper({ ttlSeconds: 1, staleWhileRevalidateSeconds: 60 })
    await send()
    await advanceSeconds(1)
    await send()
    expect(runs()).toBe(2)
  })

  test("while it makes progress, and no longer", async () => {
    const { send, runs, feed } = controlledWrapper({ ttlSeconds: 86_400, refreshTimeoutMs: 5_000 })
    const first = readerOf(await send())
    for (let n = 0; n < 3; n++) {
      await advanceSeconds(4.9)
      feed(1).enqueue("x")
      expect(await read(first)).toBe("x")
    }
    await send()
    expect(runs()).toBe(1)
    await advanceSeconds(5)
    await send()
    expect(runs()).toBe(2)
  })
})

describe("a body that makes no progress for refreshTimeoutMs", () => {
  test("is not stored, and reaches its clients when it continues", async () => {
    const { send, feed, module } = controlledWrapper({
      ttlSeconds: 86_400,
      refreshTimeoutMs: 5_000,
    })
    const first = readerOf(await send())
    await advanceSeconds(5)
    feed(1).enqueue("late")
    feed(1).end()
    expect([await read(first), await read(first)]).toEqual(["late", undefined])
    await waitUntilIdle()
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await refusals(module)).toEqual({ "in-flight": 1 })
  })

  test("is aborted if no client reads it", async () => {
    const { send, received } = controlledWrapper({ ttlSeconds: 86_400, refreshTimeoutMs: 5_000 })
    await (await send()).body?.cancel()
    await advanceSeconds(4.9)
    expect(received[0]?.signal.aborted).toBe(false)
    await advanceSeconds(0.1)
    expect(received[0]?.signal.aborted).toBe(true)
  })
})

describe("a body that takes longer than its response is fresh", () => {
  test("is not stored if it could not be served", async () => {
    const { send, feed, module } = controlledWrapper({ ttlSeconds: 1 })
    const response = await send()
    for (let n = 0; n < 4; n++) {
      await advanceSeconds(25)
      feed(1).enqueue("late ")
    }
    feed(1).end()
    expect(await response.text()).toBe("late late late late ")
    await waitUntilIdle()
    expect((await module.inspect()).entries).toBe(0)
    expect(await refusals(module)).toMatchObject({ expired: 1 })
  })
})

test("an older run that ends later does not replace the response of a newer run", async () => {
  const { send, feed, module } = controlledWrapper({
    ttlSeconds: 10,
    staleWhileRevalidateSeconds: 600,
  })
  const older = await send()
  await advanceSeconds(10)
  const newer = await send()
  feed(2).enqueue("newer")
  feed(2).end()
  expect(await newer.text()).toBe("newer")
  await waitUntilIdle()
  feed(1).enqueue("older")
  feed(1).end()
  expect(await older.text()).toBe("older")
  await waitUntilIdle()
  expect(await refusals(module)).toEqual({ superseded: 1 })
  expect(await bodyOf(module, AT)).toBe("newer")
})

describe("one response object that a handler returns for two requests", () => {
  const NONE = () => new Response("nope", { status: 404 })

  test("fails the second, and no request for its key waits for its body", async () => {
    const one = NONE()
    const gate = deferred()
    const wrapper = wrapped(
      async () => {
        await gate.promise
        return one
      },
      { ttlSeconds: 60 },
    )
    const calls = [wrapper.send(get("/x")), wrapper.send(get("/y"))]
    const outcomes = Promise.allSettled(calls)
    await waitUntilIdle()
    gate.resolve()
    const [x, y] = await outcomes
    expect(x?.status).toBe("fulfilled")
    expect(y).toMatchObject({ status: "rejected", reason: { code: "LAYERON_INVALID_RESPONSE" } })
    await advanceSeconds(0.2)
    await expect(wrapper.send(get("/y"))).rejects.toMatchObject({
      code: "LAYERON_INVALID_RESPONSE",
    })
    expect(await bodyOf(wrapper.module, url("/x"))).toBe("nope")
  })

  test.each<[string, (response: Response) => unknown]>([
    ["tags() has read", async (response) => response.json()],
    ["shouldStore() has read", async (response) => response.text()],
    ["tags() has locked", (response) => void response.body?.getReader()],
  ])("is refused if %s its body without a clone", async (how, use) => {
    const take = async (_: Request, response: Response) => {
      await use(response)
      return how.startsWith("tags") ? [] : true
    }
    const options = how.startsWith("tags")
      ? { tags: take as never }
      : { shouldStore: take as never }
    const wrapper = wrapped(() => Response.json({ tags: [] }), { ttlSeconds: 60, ...options })
    for (let attempt = 0; attempt < 2; attempt++) {
      await expect(wrapper.send()).rejects.toMatchObject({ code: "LAYERON_INVALID_RESPONSE" })
      await advanceSeconds(3)
    }
    expect(wrapper.runs()).toBe(2)
  })

  test("may be read by tags() from a clone", async () => {
    const wrapper = wrapped(() => Response.json({ tags: ["a", "b"] }), {
      ttlSeconds: 60,
      tags: async (_, response) => ((await response.clone().json()) as { tags: string[] }).tags,
    })
    expect(await texts([wrapper.send(), wrapper.send()])).toEqual([
      '{"tags":["a","b"]}',
      '{"tags":["a","b"]}',
    ])
    expect((await wrapper.module.explain(AT)).entry?.tags).toEqual(["a", "b"])
  })
})

test("a body with chunks that are not bytes is an error for all readers, and the next request runs the handler", async () => {
  const wrapper = wrapped(
    (_, run) => {
      if (run > 1) return new Response("fine")
      const stream = new ReadableStream({
        pull(controller) {
          controller.enqueue("text")
          controller.close()
        },
      })
      return new Response(stream as ReadableStream<Uint8Array>)
    },
    { ttlSeconds: 60 },
  )
  const first = await wrapper.send(get(PATH))
  await expect(first.text()).rejects.toThrow("must have a body of bytes")
  await waitUntilIdle()
  expect(await (await wrapper.send(get(PATH))).text()).toBe("fine")
  expect(await counts(wrapper.module)).toMatchObject({ puts: 1 })
})
