import type { CacheModule } from "@layeron/modules"
import { bodyOf, freshCache, sameIdentity } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { collectEvents, stopCollecting } from "../helpers/events"
import { deferred } from "../helpers/stale-module"
import { controlledStream } from "../helpers/streams"
import {
  AT,
  advanceSeconds,
  collectWarnings,
  concurrently,
  countEach,
  counts,
  endTest,
  outcomeSoFar,
  POLICY,
  TTL,
  waitUntilIdle,
  wrapped,
  wrappedIn,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(async () => {
  await endTest()
  stopCollecting()
  jest.restoreAllMocks()
})

/** Creates a module and another declaration of its identity, which keeps the instance open. */
function modulePair(): { module: CacheModule; other: CacheModule } {
  const other = freshCache()
  return { module: sameIdentity(other), other }
}

describe("after close()", () => {
  test("the handler runs directly, with the caller's own request object", async () => {
    const { module, send, runs, received } = wrapped((_, run) => new Response(`run ${run}`), POLICY)
    await (await send()).text()
    await module.close()
    const { events } = collectEvents()
    const request = new Request(AT)
    const response = await send(request)
    expect([await response.text(), [...response.headers]]).toEqual([
      "run 2",
      [["content-type", "text/plain;charset=UTF-8"]],
    ])
    expect(received[1]).toBe(request)
    await send()
    expect(runs()).toBe(3)
    expect(events).toEqual([])
  })

  test("the caller gets the handler's error, or its value that is not a response", async () => {
    const error = new Error("down")
    const { module, send } = wrapped(
      (_, run) => (run === 1 ? Promise.reject(error) : ("x" as unknown as Response)),
      POLICY,
    )
    await module.close()
    await expect(send()).rejects.toBe(error)
    expect(await send()).toBe("x")
  })

  test("another declaration of the identity continues to work", async () => {
    const { module, other } = modulePair()
    const one = wrappedIn(module, () => new Response("one"), POLICY)
    const two = wrappedIn(other, () => new Response("two"), POLICY)
    await (await one.send()).text()
    await module.close()
    expect(await (await two.send()).text()).toBe("one")
    expect(two.runs()).toBe(0)
  })
})

describe("close() while the handler is being run", () => {
  function running() {
    const { module, other } = modulePair()
    const gate = deferred()
    const handler = async (_: Request, run: number) => {
      if (run === 1) await gate.promise
      return new Response(`run ${run}`)
    }
    return { ...wrappedIn(module, handler, POLICY), other, gate }
  }

  test("does not change its caller's response, and stores nothing", async () => {
    const { module, send, other, gate } = running()
    const answer = send()
    await waitUntilIdle()
    await module.close()
    gate.resolve()
    const response = await answer
    expect([response.headers.get("cache-status"), await response.text()]).toEqual([null, "run 1"])
    expect(await bodyOf(other, AT)).toBeUndefined()
  })

  test("lets waiters run the handler directly when the run ends", async () => {
    const { module, send, gate, runs } = running()
    const [leader, ...waiters] = concurrently(4, () => send())
    await waitUntilIdle()
    await module.close()
    gate.resolve()
    expect(await (await leader)?.text()).toBe("run 1")
    const outcomes = await Promise.all(
      waiters.map((answer) => outcomeSoFar(answer, (response) => response.text())),
    )
    expect(outcomes.toSorted()).toEqual(["run 2", "run 3", "run 4"])
    expect(runs()).toBe(4)
  })

  test("lets waiters of another declaration run their own handler when the run ends", async () => {
    const { module, send, other, gate } = running()
    const leader = send()
    const local = wrappedIn(other, () => new Response("own"), POLICY)
    const waiters = concurrently(3, () => local.send())
    await waitUntilIdle()
    await module.close()
    gate.resolve()
    await leader
    const outcomes = await Promise.all(
      waiters.map((answer) => outcomeSoFar(answer, (response) => response.text())),
    )
    expect(countEach(outcomes)).toEqual({ own: 3 })
    expect(local.runs()).toBe(1)
  })

  test("does not fail waiters for the run of another declaration, which continues", async () => {
    const { module, other } = modulePair()
    const gate = deferred()
    const leader = wrappedIn(
      other,
      async () => {
        await gate.promise
        return new Response("led")
      },
      POLICY,
    )
    const { send } = wrappedIn(module, () => new Response("own"), POLICY)
    const first = leader.send()
    const waiters = send()
    await waitUntilIdle()
    await module.close()
    gate.resolve()
    expect(await (await first).text()).toBe("led")
    expect(await outcomeSoFar(waiters, (response) => response.text())).toMatch(/^(led|own)$/)
  })

  test("passes its error to its caller", async () => {
    const { module, other } = modulePair()
    const gate = deferred()
    const { send } = wrappedIn(
      module,
      async () => {
        await gate.promise
        throw new Error("down")
      },
      POLICY,
    )
    const answer = send()
    await waitUntilIdle()
    await module.close()
    gate.resolve()
    await expect(answer).rejects.toThrow("down")
    const after = wrappedIn(other, () => new Response("up"), POLICY)
    expect(await (await after.send()).text()).toBe("up")
  })
})

describe("close() while a body is being written", () => {
  test("lets all readers read it to its end, and stores nothing", async () => {
    const { module, other } = modulePair()
    const body = controlledStream()
    const { send, runs } = wrappedIn(module, () => new Response(body.stream), POLICY)
    const responses = await Promise.all(concurrently(3, () => send()))
    body.enqueue("ab")
    await module.close()
    body.enqueue("cd")
    body.end()
    expect(await Promise.all(responses.map((response) => response.text()))).toEqual(
      Array(3).fill("abcd"),
    )
    expect(runs()).toBe(1)
    expect(await bodyOf(other, AT)).toBeUndefined()
    expect(await other.stats()).toMatchObject({ puts: 0 })
  })

  test("followed by an error of the body is an error for all readers", async () => {
    const { module } = modulePair()
    const bodyFailure = deferred()
    const stream = new ReadableStream({
      pull: (feed) => bodyFailure.promise.then(() => feed.error(new Error("cut"))),
    })
    const { send } = wrappedIn(module, () => new Response(stream), POLICY)
    const response = await send()
    await module.close()
    bodyFailure.resolve()
    await expect(response.text()).rejects.toThrow("cut")
  })
})

test("close() during a refresh is not a failure of the refresh, and stores nothing", async () => {
  const { module, other } = modulePair()
  const warned = collectWarnings()
  const gate = deferred()
  const work: Promise<unknown>[] = []
  const { send } = wrappedIn(
    module,
    async (_, run) => {
      if (run === 2) await gate.promise
      return new Response(`run ${run}`)
    },
    { ...POLICY, waitUntil: (promise) => void work.push(promise) },
  )
  await (await send()).text()
  await advanceSeconds(TTL)
  await send()
  await module.close()
  gate.resolve()
  await Promise.all(work)
  expect(warned).toEqual([])
  expect(await counts(other)).toEqual({ hits: 1, misses: 1, puts: 1, staleHits: 1, elections: 1 })
})
