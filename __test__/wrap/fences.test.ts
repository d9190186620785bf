import type { CacheModule, CacheWrapOptions } from "@layeron/modules"
import { bodyOf, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { AT, deferred, REMOVALS, type Removal, remove } from "../helpers/stale-module"
import { controlledStream } from "../helpers/streams"
import {
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  counts,
  endTest,
  POLICY,
  TTL,
  texts,
  waitUntil,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const TAGGED: CacheWrapOptions = { ...POLICY, tags: ["t"] }

/** Wraps a handler whose runs each wait until the test releases them. */
function gatedWrapper(options = TAGGED, headers: Record<string, string> = {}) {
  const gates = Array.from({ length: 4 }, () => deferred())
  const wrapper = wrapped(async (_, run) => {
    await gates[run - 1]?.promise
    return new Response(`run ${run}`, { headers })
  }, options)
  const send = () => wrapper.send(new Request(AT))
  return { ...wrapper, send, release: (run: number) => gates[run - 1]?.resolve() }
}

/** Waits until `callers` callers have missed, so that each leads a run or waits for one. */
function waitForMisses(module: CacheModule, callers: number): Promise<void> {
  return waitUntil(async () => (await module.stats()).misses === callers)
}

describe("the response of a run is not stored if, after the run began, there was", () => {
  test.each(REMOVALS)("%s before it responded", async (_, removal) => {
    const { module, send, release, runs } = gatedWrapper()
    const answer = send()
    await waitUntil(() => runs() === 1)
    await remove(module, removal)
    release(1)
    expect(await (await answer).text()).toBe("run 1")
    await waitUntilIdle()
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await counts(module)).toMatchObject({ fencedWrites: 1 })
    expect(await counts(module)).not.toHaveProperty("puts")
  })

  test.each(REMOVALS)("%s while its body was in progress", async (_, removal) => {
    const body = controlledStream()
    const { module, send } = wrapped(() => new Response(body.stream), TAGGED)
    const answer = await send(new Request(AT))
    body.enqueue("ha")
    await waitUntilIdle()
    await remove(module, removal)
    body.enqueue("lf")
    body.end()
    expect(await answer.text()).toBe("half")
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await counts(module)).toMatchObject({ fencedWrites: 1 })
  })

  test.each(REMOVALS)("%s during a background run", async (_, removal) => {
    const { module, send, release, runs } = gatedWrapper()
    await module.put(AT, new Response("old"), { ...POLICY, tags: ["t"] })
    await advanceSeconds(TTL)
    expect(await (await send()).text()).toBe("old")
    await remove(module, removal)
    release(1)
    await waitUntilIdle()
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await counts(module)).toMatchObject({ puts: 1, fencedWrites: 1 })
    release(2)
    expect(await (await send()).text()).toBe("run 2")
    expect(runs()).toBe(2)
  })

  test.each(REMOVALS)("%s, and the response is a 304", async (_, removal) => {
    const gate = deferred()
    const { module, send } = wrapped(
      async (_request, run) => {
        if (run === 1) return new Response("old", { headers: { etag: '"v"' } })
        await gate.promise
        return new Response(null, { status: 304 })
      },
      { ...TAGGED, staleWhileRevalidateSeconds: 0 },
    )
    await (await send(new Request(AT))).text()
    await advanceSeconds(TTL)
    const answer = send(new Request(AT))
    await remove(module, removal)
    gate.resolve()
    expect(await (await answer).text()).toBe("old")
    expect(await module.inspect()).toMatchObject({ entries: 0 })
  })

  test.each(REMOVALS.filter(([, removal]) => "purge" in removal))(
    "%s (soft)",
    async (_, removal) => {
      const { module, send, release, runs } = gatedWrapper()
      const answer = send()
      await waitUntil(() => runs() === 1)
      await module.purge({ ...("purge" in removal && removal.purge), soft: true })
      release(1)
      await (await answer).text()
      expect(await bodyOf(module, AT)).toBeUndefined()
      expect(await counts(module)).toMatchObject({ fencedWrites: 1 })
    },
  )

  test("a purge of a tag that only the response has", async () => {
    for (const tags of [() => ["late"], undefined]) {
      const headers: Record<string, string> = tags === undefined ? { "cache-tag": "late" } : {}
      const { module, send, release, runs } = gatedWrapper({ ...POLICY, tags }, headers)
      const answer = send()
      await waitUntil(() => runs() === 1)
      await module.purge({ tags: ["late"] })
      release(1)
      await (await answer).text()
      expect(await bodyOf(module, AT)).toBeUndefined()
      expect(await counts(module)).toMatchObject({ fencedWrites: 1 })
    }
  })
})

describe("the response of a run is stored after", () => {
  test.each<[string, Removal]>([
    ["a purge of another tag", { purge: { tags: ["t2"] } }],
    ["a purge of another prefix", { purge: { prefix: url("/p/12") } }],
    ["a purge of another request", { purge: { request: url("/p/2") } }],
    ["a delete of another key", { delete: url("/p/1?q") }],
  ])("%s during it", async (_, removal) => {
    const { module, send, release } = gatedWrapper()
    const answer = send()
    await remove(module, removal)
    release(1)
    await (await answer).text()
    expect(await bodyOf(module, AT)).toBe("run 1")
  })

  test.each(REMOVALS)("%s before it", async (_, removal) => {
    const { module, send, release } = gatedWrapper()
    await remove(module, removal)
    release(1)
    await (await send()).text()
    expect(await bodyOf(module, AT)).toBe("run 1")
  })
})

describe("a request after", () => {
  test.each(REMOVALS)(
    "%s does not get the response of a run that began before, but an earlier request does",
    async (_, removal) => {
      const { module, send, release, runs } = gatedWrapper()
      const early = concurrently(3, send)
      await waitForMisses(module, 3)
      await remove(module, removal)
      const late = concurrently(3, send)
      await waitForMisses(module, 6)
      release(1)
      await waitUntil(() => runs() === 2)
      release(2)
      expect(await texts(early)).toEqual(["run 1", "run 1", "run 1"])
      expect(await texts(late)).toEqual(["run 2", "run 2", "run 2"])
      expect(runs()).toBe(2)
      expect(await bodyOf(module, AT)).toBe("run 2")
      const { collapsed, ...counted } = await counts(module)
      expect(counted).toMatchObject({ puts: 1, fencedWrites: 1 })
      // The early waiters, and those late callers that came before the second run ended.
      expect(collapsed).toBeGreaterThanOrEqual(2)
    },
  )

  test.each(REMOVALS)("%s does not join a body that began before", async (_, removal) => {
    const body = controlledStream()
    const { module, send, runs } = wrapped(
      (_request, run) => new Response(run === 1 ? body.stream : "late"),
      TAGGED,
    )
    const early = await send(new Request(AT))
    body.enqueue("ear")
    await remove(module, removal)
    const late = await send(new Request(AT))
    expect([cacheStatusOf(late), await late.text()]).toEqual([
      "fwd=uri-miss; fwd-status=200; stored; ttl=60",
      "late",
    ])
    expect(runs()).toBe(2)
    body.enqueue("ly")
    body.end()
    expect(await early.text()).toBe("early")
    expect(await bodyOf(module, AT)).toBe("late")
  })

  test("a purge of another tag joins the run", async () => {
    const { module, send, release, runs } = gatedWrapper()
    const early = send()
    await waitForMisses(module, 1)
    await module.purge({ tags: ["other"] })
    const late = send()
    await waitForMisses(module, 2)
    release(1)
    expect(await texts([early, late])).toEqual(["run 1", "run 1"])
    expect(runs()).toBe(1)
  })

  test.each(REMOVALS.slice(1))(
    "%s does not get the failure of a run that began before",
    async (_, removal) => {
      const gate = deferred()
      const { module, send, runs } = wrapped(async (_request, run) => {
        if (run > 1) return new Response("up")
        await gate.promise
        throw new Error("down")
      }, TAGGED)
      const early = send(new Request(AT))
      await waitForMisses(module, 1)
      await remove(module, removal)
      const late = send(new Request(AT))
      await waitForMisses(module, 2)
      gate.resolve()
      await expect(early).rejects.toThrow("down")
      expect(await (await late).text()).toBe("up")
      expect(runs()).toBe(2)
    },
  )
})
