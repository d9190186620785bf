import type { CacheEvent, CacheModule, CacheModuleOptions } from "@layeron/modules"
import { bodyOf, errorOf, forbidden, freshCache, get, state, url } from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import { collectEvents, OPERATIONS, type Operation, stopCollecting } from "../helpers/events"
import { AT, POLICY, TTL } from "../helpers/stale-module"
import { streamOf } from "../helpers/streams"

beforeEach(stopDate)
afterEach(() => {
  jest.useRealTimers()
  stopCollecting()
})

const PREVIEW = get("/p/1", { "x-preview": "1" })
const OPTIONS: Partial<CacheModuleOptions> = {
  ...POLICY,
  namespace: "told",
  rules: [
    {
      name: "item",
      path: "/p/:id",
      bypass: { headers: ["x-preview"], query: ["draft"], cookies: ["sid"] },
    },
  ],
}

/**
 * Creates a module with the entry {@link AT}, tagged `t`, and the entry `/other` without a stale
 * window.
 */
async function moduleWithEntries(): Promise<CacheModule> {
  const module = freshCache(OPTIONS)
  await module.put(AT, new Response("old"), { tags: ["t"] })
  await module.put(url("/other"), new Response("other"), { staleWhileRevalidateSeconds: 0 })
  return module
}

function described(module: CacheModule, operation: Operation, detail: object): object {
  const { identity, namespace, name } = module
  return { operation, identity, namespace, name, ...detail }
}

type Case = [
  what: string,
  act: (module: CacheModule) => Promise<unknown>,
  detail: (module: CacheModule) => object,
]

/** Tests that `act` publishes its events on the channel of `operation` only. */
function expectEvents(operation: Operation, cases: Case[]): void {
  test.each(cases)("%s", async (_, act, detail) => {
    const module = await moduleWithEntries()
    const { events } = collectEvents()
    await act(module)
    expect(events).toEqual([described(module, operation, detail(module))])
  })
}

const at =
  (path: string, headers: Record<string, string> = {}) =>
  (module: CacheModule) => ({
    key: module.key(get(path, headers)),
  })
const bypassed = (path: string, reason: string) => (module: CacheModule) => ({
  ...at(path)(module),
  outcome: "bypass",
  reason,
})

describe("an event of match reports", () => {
  expectEvents("match", [
    [
      "a hit",
      (module) => module.match(AT),
      (module) => ({ ...at("/p/1")(module), outcome: "hit" }),
    ],
    [
      "a miss if nothing is stored",
      (module) => module.match(url("/p/2?b&a")),
      (module) => ({ ...at("/p/2?a=&b=")(module), outcome: "miss", reason: "absent" }),
    ],
    [
      "a miss that is an election",
      (module) => {
        setClock(TTL)
        return module.match(AT)
      },
      (module) => ({ ...at("/p/1")(module), outcome: "miss", reason: "elected" }),
    ],
    ["a bypass by header", (module) => module.match(PREVIEW), bypassed("/p/1", "header x-preview")],
    [
      "a bypass by query",
      (module) => module.match(url("/p/1?draft=1")),
      bypassed("/p/1?draft=1", "query draft"),
    ],
    [
      "a bypass by cookie",
      (module) => module.match(get("/p/1", { cookie: "sid=1" })),
      bypassed("/p/1", "cookie sid"),
    ],
    [
      "a call with vary by its key",
      (module) => module.match(get("/p/1", { "x-a": "1" }), { vary: ["x-a"] }),
      (module) => ({
        key: module.key(get("/p/1", { "x-a": "1" }), { vary: ["x-a"] }),
        outcome: "miss",
        reason: "absent",
      }),
    ],
  ])

  test("a stale response for every caller but the one that refreshes it", async () => {
    const module = await moduleWithEntries()
    setClock(TTL)
    await module.match(AT)
    const { events } = collectEvents()
    await module.match(AT)
    expect(events).toEqual([
      described(module, "match", { ...at("/p/1")(module), outcome: "stale" }),
    ])
  })
})

describe("an event of put reports", () => {
  const put =
    (response: Response, request: Request | string = AT) =>
    (module: CacheModule) =>
      module.put(request, response)
  const refused = (reason: string) => (module: CacheModule) => ({
    ...at("/p/1")(module),
    outcome: "refused",
    reason,
  })
  const privately = new Response("a", { headers: { "cache-control": "private" } })

  expectEvents("put", [
    [
      "a response stored",
      put(new Response("a")),
      (module) => ({ ...at("/p/1")(module), outcome: "stored" }),
    ],
    ["a response refused", put(privately), refused("private")],
    ["a status refused", put(new Response(null, { status: 304 })), refused("status")],
    ["a bypass", put(new Response("a"), PREVIEW), bypassed("/p/1", "header x-preview")],
    [
      "a body that fails",
      async (module) => {
        const response = new Response(streamOf(["a"], new Error("broken")))
        await expect(module.put(AT, response)).rejects.toThrow("broken")
      },
      (module) => ({ ...at("/p/1")(module), outcome: "error", reason: "Error: broken" }),
    ],
  ])

  test("a response that the fence has dropped", async () => {
    const module = await moduleWithEntries()
    const request = get("/p/2")
    await module.match(request)
    await module.purge({ tags: ["late"] })
    const { events } = collectEvents()
    await module.put(request, new Response("a"), { tags: ["late"] })
    expect(events).toEqual([
      described(module, "put", { ...at("/p/2")(module), outcome: "fenced", reason: "purged" }),
    ])
  })

  test("a body that is too large", async () => {
    const module = freshCache({ storage: { memory: { maxEntryBytes: 500 } } })
    const { events } = collectEvents()
    await module.put(AT, new Response("a".repeat(501)))
    expect(events).toEqual([
      described(module, "put", { ...at("/p/1")(module), outcome: "refused", reason: "too-large" }),
    ])
  })
})

describe("an event of delete reports", () => {
  expectEvents("delete", [
    [
      "an entry removed",
      (module) => module.delete(AT),
      (module) => ({ ...at("/p/1")(module), outcome: "deleted" }),
    ],
    [
      "nothing to remove",
      (module) => module.delete(url("/p/2")),
      (module) => ({ ...at("/p/2")(module), outcome: "absent" }),
    ],
    ["a bypass", (module) => module.delete(PREVIEW), bypassed("/p/1", "header x-preview")],
  ])
})

describe("an event of purge reports", () => {
  const none = { tags: [], everything: false }
  const purged =
    (count: number, selected: object, outcome = "purged") =>
    () => ({
      outcome,
      purged: count,
      selected: { ...none, ...selected },
    })

  expectEvents("purge", [
    ["tags", (module) => module.purge({ tags: ["t", "u"] }), purged(1, { tags: ["t", "u"] })],
    ["a prefix", (module) => module.purge({ prefix: url("/") }), purged(2, { prefix: url("/") })],
    ["everything", (module) => module.purge({ everything: true }), purged(2, { everything: true })],
    ["nothing selected", (module) => module.purge({ tags: [] }), purged(0, {})],
    [
      "a request",
      (module) => module.purge({ request: AT }),
      (module) => ({ ...purged(1, {})(), ...at("/p/1")(module) }),
    ],
    [
      "a soft one",
      (module) => module.purge({ everything: true, soft: true }),
      purged(2, { everything: true }, "softened"),
    ],
  ])
})

describe("events", () => {
  async function useAll(module: CacheModule): Promise<void> {
    for (const request of [AT, url("/p/2"), PREVIEW]) await module.match(request)
    await module.put(url("/p/3"), new Response("a"))
    await module.delete(url("/p/3"))
    await module.purge({ prefix: "/other" })
  }

  test("do not change the operation that they report", async () => {
    const [observed, unobserved] = [await moduleWithEntries(), await moduleWithEntries()]
    await useAll(unobserved)
    collectEvents()
    await useAll(observed)
    expect((await state(observed)).stats).toEqual((await state(unobserved)).stats)
    expect({ ...(await state(observed)).inspection, bytes: 0 }).toEqual({
      ...(await state(unobserved)).inspection,
      bytes: 0,
    })
    expect(await bodyOf(observed, AT)).toBe("old")
  })

  test.each(OPERATIONS)(
    "of other operations are not published to a subscriber of %s",
    async (operation) => {
      const module = await moduleWithEntries()
      const { events } = collectEvents([operation])
      await useAll(module)
      expect(new Set(events.map((event) => (event as CacheEvent).operation))).toEqual(
        new Set([operation]),
      )
    },
  )

  test("stop after unsubscribing", async () => {
    const module = await moduleWithEntries()
    const { events, stop } = collectEvents()
    await module.match(AT)
    stop()
    await useAll(module)
    expect(events).toHaveLength(1)
  })

  test("reach every subscriber", async () => {
    const module = await moduleWithEntries()
    const [one, two] = [collectEvents(), collectEvents(["match"])]
    await module.match(AT)
    expect([one.events, two.events]).toEqual([one.events, one.events])
    expect(one.events).toHaveLength(1)
  })

  test("are not published for calls refused for their arguments", async () => {
    const module = await moduleWithEntries()
    const { events } = collectEvents()
    await errorOf(() => module.match("/relative"))
    await errorOf(() => module.put(AT, new Response("a"), forbidden({ ttlSeconds: -1 })))
    await errorOf(() => module.put(AT, new Response("a", { status: 206 })))
    await errorOf(() => module.delete(forbidden(undefined)))
    await errorOf(() => module.purge({}))
    expect(events).toEqual([])
  })

  test("are not built without a subscriber to their channel", async () => {
    const module = await moduleWithEntries()
    /** Counts how often a match reads the URL of its request. */
    async function reads(): Promise<number> {
      let count = 0
      const request = get("/p/1")
      const readUrl = () => {
        count++
        return AT
      }
      Object.defineProperty(request, "url", { get: readUrl })
      await module.match(request)
      return count
    }
    await reads()
    const unobserved = await reads()
    const { events } = collectEvents(["put", "delete", "purge"])
    expect(await reads()).toBe(unobserved)
    expect(events).toEqual([])
    collectEvents(["match"])
    expect(await reads()).toBeGreaterThan(unobserved)
  })
})
