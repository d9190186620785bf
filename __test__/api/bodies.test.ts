import {
  bodyOf,
  errorOf,
  freshCache,
  get,
  mustMatch,
  NO_STATS,
  refusals,
  state,
  url,
} from "../helpers/cache"
import { bytes } from "../helpers/response-pair"
import { controlledStream, endlessStream, nextTurn, streamOf } from "../helpers/streams"

const A = url("/a")

describe("put takes ownership of the response:", () => {
  const streamed = () => new Response(streamOf(["a", "b"]))

  test.each<[string, () => Response]>([
    ["stored", () => new Response("a")],
    ["a stream", streamed],
    ["a private one", () => new Response("a", { headers: { "cache-control": "private" } })],
    [
      "an event stream",
      () =>
        new Response(endlessStream(10).stream, {
          headers: { "content-type": "text/event-stream" },
        }),
    ],
    ["one too large", () => new Response(endlessStream(5_000).stream)],
    [
      "one too large by its Content-Length",
      () => new Response("a".repeat(30_000), { headers: { "content-length": "30000" } }),
    ],
    [
      "one too large by its headers",
      () => new Response("a", { headers: { "x-a": "a".repeat(30_000) } }),
    ],
    [
      "one that has expired",
      () => new Response("a", { headers: { "cache-control": "max-age=0" } }),
    ],
    ["one whose body fails", () => new Response(streamOf(["a"], new Error("failed")))],
  ])("%s is used and locked as soon as put was called, and stays so", async (_, make) => {
    const module = freshCache({ storage: { memory: { maxBytes: 20_000 } } })
    const response = make()
    const put = module.put(A, response).catch(() => {})
    expect([response.bodyUsed, response.body?.locked]).toEqual([true, true])
    await put
    expect([response.bodyUsed, response.body?.locked]).toEqual([true, true])
    await expect(response.text()).rejects.toMatchObject({ name: "TypeError" })
  })

  test("a clone put leaves the original to be read", async () => {
    const module = freshCache()
    const response = new Response("a")
    await module.put(A, response.clone())
    expect(await response.text()).toBe("a")
    expect(await bodyOf(module, A)).toBe("a")
  })

  test("a response without a body is stored without one", async () => {
    const module = freshCache()
    await module.put(A, new Response(null))
    expect((await mustMatch(module, A)).body).toBeNull()
  })
})

describe("a body that", () => {
  test("fails rejects the put with its own error and stores nothing", async () => {
    const module = freshCache()
    const error = new Error("the source failed")
    expect(await errorOf(() => module.put(A, new Response(streamOf(["a", "b"], error))))).toBe(
      error,
    )
    expect(await module.stats()).toEqual(NO_STATS)
    expect(await refusals(module)).toEqual({})
    expect(await module.match(A)).toBeUndefined()
  })

  test.each([
    ["longer", "4", "abcde"],
    ["shorter", "6", "abcde"],
    ["shorter, being empty", "1", ""],
    ["longer than none", "0", "a"],
  ])(
    "is %s than its Content-Length rejects the put and leaves the entry",
    async (_, length, body) => {
      const module = freshCache()
      await module.put(A, new Response("before"))
      const before = await state(module)
      for (const source of [body, streamOf([...body])]) {
        const response = new Response(source, { headers: { "content-length": length } })
        const error = await errorOf(() => module.put(A, response))
        expect(error).toBeInstanceOf(TypeError)
        expect(error.code).toBe("LAYERON_INVALID_RESPONSE")
        expect(error.message).toMatch(/Content-Length/)
      }
      expect(await state(module)).toEqual(before)
      expect(await bodyOf(module, A)).toBe("before")
    },
  )

  test("has the length in its Content-Length is stored, and so is a response to HEAD without a body", async () => {
    const module = freshCache()
    const headers = { "content-length": "5" }
    await module.put(A, new Response(streamOf(["ab", "", "cde"]), { headers }))
    expect(await bodyOf(module, A)).toBe("abcde")
    const head = new Request(A, { method: "HEAD" })
    await module.put(head, new Response(null, { headers }))
    expect((await mustMatch(module, head)).headers.get("content-length")).toBe("5")
  })

  test("that continues beyond its Content-Length is not read further", async () => {
    const body = endlessStream(10)
    const response = new Response(body.stream, { headers: { "content-length": "25" } })
    await expect(freshCache().put(A, response)).rejects.toThrow(TypeError)
    await nextTurn()
    expect(body.cancelled()).toBe(true)
    expect(body.pulls()).toBeLessThanOrEqual(4)
  })

  test("does not consist of bytes rejects the put with a TypeError and stores nothing", async () => {
    const stream = new ReadableStream({ start: (controller) => controller.enqueue("text") })
    const module = freshCache()
    expect(await errorOf(() => module.put(A, new Response(stream)))).toMatchObject({
      name: "TypeError",
      code: "LAYERON_INVALID_RESPONSE",
    })
    expect(await module.match(A)).toBeUndefined()
  })

  test("is an endless event stream is not read, and is cancelled", async () => {
    const body = endlessStream(10)
    const module = freshCache()
    await module.put(
      A,
      new Response(body.stream, { headers: { "content-type": "text/event-stream" } }),
    )
    await nextTurn()
    expect(body.cancelled()).toBe(true)
    // A stream pulls one chunk before the first read.
    expect(body.pulls()).toBeLessThanOrEqual(1)
    expect(await refusals(module)).toEqual({ "event-stream": 1 })
  })

  test("fails while it is cancelled does not affect the cache", async () => {
    const stream = new ReadableStream({
      cancel: () => {
        throw new Error("cannot be cancelled")
      },
    })
    const module = freshCache()
    await module.put(A, new Response(stream, { headers: { "cache-control": "no-store" } }))
    await nextTurn()
    expect(await refusals(module)).toEqual({ "no-store": 1 })
  })

  test("comes from bytes that the caller changes later is stored as it was put", async () => {
    const module = freshCache()
    const whole = bytes(1000)
    const chunk = bytes(1000)
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(chunk)
        controller.close()
      },
    })
    await module.put(A, new Response(whole))
    await module.put(url("/b"), new Response(stream))
    whole.fill(0)
    chunk.fill(0)
    for (const at of [A, url("/b")]) {
      expect(
        Buffer.from(await (await mustMatch(module, at)).arrayBuffer()).equals(bytes(1000)),
      ).toBe(true)
    }
  })
})

test("the length of a body that the platform has decoded is not compared with its Content-Length", async () => {
  const module = freshCache()
  const headers = { "content-encoding": "gzip", "content-length": "30" }
  await module.put(url("/a"), new Response("decoded", { headers }))
  expect(await bodyOf(module, url("/a"))).toBe("decoded")
})

describe("a body over maxEntryBytes", () => {
  const storage = { memory: { maxBytes: 1_000_000, maxEntryBytes: 10_000 } }

  test("is read up to the limit and cancelled", async () => {
    const module = freshCache({ storage })
    const body = endlessStream(1000)
    expect(await module.put(A, new Response(body.stream))).toBeUndefined()
    await nextTurn()
    expect(body.cancelled()).toBe(true)
    expect(body.pulls()).toBeGreaterThan(5)
    // Ten chunks exceed the limit, and the stream pulls one ahead.
    expect(body.pulls()).toBeLessThanOrEqual(11)
    expect(await refusals(module)).toEqual({ "too-large": 1 })
    expect(await module.stats()).toEqual(NO_STATS)
  })

  test("by its Content-Length is not read at all", async () => {
    const module = freshCache({ storage })
    const body = endlessStream(1000)
    await module.put(A, new Response(body.stream, { headers: { "content-length": "10001" } }))
    await nextTurn()
    expect([body.cancelled(), body.pulls()]).toEqual([true, expect.any(Number)])
    expect(body.pulls()).toBeLessThanOrEqual(1)
    expect(await refusals(module)).toEqual({ "too-large": 1 })
  })

  test.each<[string, () => Response, string[]]>([
    ["body", () => new Response("b".repeat(10_001)), []],
    ["stream", () => new Response(streamOf(["b".repeat(6_000), "b".repeat(6_000)])), []],
    ["header", () => new Response("b", { headers: { "x-a": "b".repeat(10_001) } }), []],
    [
      "header without a body",
      () => new Response(null, { headers: { "x-a": "b".repeat(10_001) } }),
      [],
    ],
    [
      "tags",
      () => new Response("b"),
      Array.from({ length: 11 }, (_, n) => `${n}`.padEnd(1024, "t")),
    ],
  ])("by its %s leaves the old entry, and evicts nothing", async (_, make, tags) => {
    const module = freshCache({ storage })
    for (let n = 0; n < 60; n++) await module.put(url(`/${n}`), new Response("o".repeat(9_000)))
    await module.put(A, new Response("old"))
    const { stats, inspection } = await state(module)
    await module.put(A, make(), { tags })
    const refusedWrites = { ...inspection.refusedWrites, "too-large": 1 }
    expect(await state(module)).toEqual({ stats, inspection: { ...inspection, refusedWrites } })
    expect(await bodyOf(module, A)).toBe("old")
  })

  test("leaves a full store as it is", async () => {
    const module = freshCache({ storage: { memory: { maxBytes: 50_000 } } })
    for (let n = 0; n < 20; n++) await module.put(url(`/${n}`), new Response("o".repeat(5_000)))
    const { entries, bytes, evictions } = await module.inspect()
    await module.put(A, new Response("b".repeat(50_000)))
    expect(await module.inspect()).toMatchObject({ entries, bytes, evictions })
  })

  test("is refused even if it exceeds the limit by one byte", async () => {
    const module = freshCache({ storage })
    const fits = async (length: number) => {
      await module.put(A, new Response("b".repeat(length)), { ttlSeconds: 60 })
      return ((await bodyOf(module, A)) ?? "").length === length
    }
    let [fitting, overLimit] = [9_000, 10_001]
    while (overLimit - fitting > 1) {
      const middle = (fitting + overLimit) >> 1
      if (await fits(middle)) fitting = middle
      else overLimit = middle
    }
    expect(fitting).toBeLessThan(10_000)
    const refused = (await module.inspect()).refusedWrites["too-large"]
    const streamed = new Response(streamOf(["b".repeat(fitting - 1), "b"]), {
      headers: { "content-type": "text/plain;charset=UTF-8" },
    })
    await module.put(A, streamed, { ttlSeconds: 60 })
    expect((await bodyOf(module, A))?.length).toBe(fitting)
    expect(await refusals(module)).toEqual({ "too-large": refused })
  })
})

describe("several puts of one key at a time", () => {
  const bodies = ["a", "b", "c"].map((letter) => letter.repeat(3000))

  test.each([[[0, 1, 2]], [[2, 1, 0]], [[1, 2, 0]]])(
    "that end in the order %j leave the last to resolve, whole",
    async (order) => {
      const module = freshCache()
      const streams = bodies.map(() => controlledStream())
      const resolved: number[] = []
      const puts = streams.map((feed, n) =>
        module
          .put(A, new Response(feed.stream, { headers: { "x-of": String(n) } }))
          .then(() => resolved.push(n)),
      )
      for (const third of [0, 1000, 2000]) {
        for (const [n, feed] of streams.entries())
          feed.enqueue(bodies[n]!.slice(third, third + 1000))
        await nextTurn()
      }
      for (const n of order) {
        streams[n]!.end()
        await puts[n]
        const response = await mustMatch(module, A)
        expect(response.headers.get("x-of")).toBe(String(n))
        expect(await response.text()).toBe(bodies[n])
      }
      expect(resolved).toEqual(order)
      expect((await module.inspect()).entries).toBe(1)
    },
  )

  test("that all run at once leave one of them whole, the last to resolve", async () => {
    const module = freshCache()
    const resolved: number[] = []
    const puts = Array.from({ length: 50 }, (_, n) => {
      const chunks = Array.from({ length: 1 + ((n * 7) % 13) }, () => `${n};`)
      return module.put(A, new Response(streamOf(chunks))).then(() => resolved.push(n))
    })
    await Promise.all(puts)
    const read = await bodyOf(module, A)
    expect(new Set(read?.split(";").slice(0, -1))).toEqual(new Set([String(resolved.at(-1))]))
    expect((await module.stats()).puts).toBe(50)
  })

  test("of which one fails store the other", async () => {
    const module = freshCache()
    const failing = module
      .put(get("/a"), new Response(streamOf(["x"], new Error("failed"))))
      .catch(() => "failed")
    await module.put(A, new Response("whole"))
    expect(await failing).toBe("failed")
    expect(await bodyOf(module, A)).toBe("whole")
  })

  test("of different keys do not mix their bodies", async () => {
    const module = freshCache()
    const streams = Array.from({ length: 20 }, () => controlledStream())
    const puts = streams.map((feed, n) =>
      module.put(url(`/${n}`), new Response(feed.stream), { tags: [`t${n}`] }),
    )
    for (const [n, feed] of [...streams.entries()].reverse()) {
      feed.enqueue(`body ${n}`)
      feed.end()
    }
    await Promise.all(puts)
    for (const n of streams.keys()) expect(await bodyOf(module, url(`/${n}`))).toBe(`body ${n}`)
    expect(await module.purge({ tags: ["t7"] })).toEqual({ purged: 1 })
    expect(await bodyOf(module, url("/7"))).toBeUndefined()
  })
})
