import type { CacheModuleOptions, CachePutOptions } from "@layeron/modules"
import {
  bodyOf,
  freshCache,
  get,
  mustMatch,
  NO_STATS,
  refusals,
  sameIdentity,
  url,
} from "../helpers/cache"
import { expectLifetime, httpDate, START, setClock, staleMatch, stopClock } from "../helpers/clock"

beforeEach(stopClock)
afterEach(() => jest.useRealTimers())

interface Case {
  readonly own?: Record<string, string>
  readonly options?: Partial<CacheModuleOptions>
  readonly call?: CachePutOptions
}

async function stored({ own = {}, options = {}, call = {} }: Case) {
  const module = freshCache(options)
  await module.put(get("/a"), new Response("a", { headers: own }), call)
  return module
}

const OWN = {
  "cdn-cache-control": "max-age=40",
  "cache-control": "max-age=20, s-maxage=30",
  expires: httpDate(10),
}
const RULES = [{ path: "/a", ttlSeconds: 6 }]

describe("the lifetime is that of", () => {
  test.each<[string, number, Case]>([
    [
      "the call before the rule",
      5,
      { own: OWN, options: { ttlSeconds: 7, rules: RULES }, call: { ttlSeconds: 5 } },
    ],
    [
      "the rule before the instance",
      6,
      { own: OWN, options: { ttlSeconds: 7, rules: [{ ttlSeconds: 6 }] } },
    ],
    [
      "the instance where the rule has none",
      7,
      { own: OWN, options: { ttlSeconds: 7, rules: [{ path: "/a" }] } },
    ],
    ["the instance before the response", 7, { own: OWN, options: { ttlSeconds: 7 } }],
    [
      "Cache-Control if CDN-Cache-Control has no lifetime",
      30,
      { own: { ...OWN, "cdn-cache-control": "public" } },
    ],
    ["Expires before the default", 10, { own: { expires: httpDate(10) } }],
    ["the default of 60 seconds without any declaration", 60, {}],
    ["the default if Cache-Control has no lifetime", 60, { own: { "cache-control": "public" } }],
    [
      "the instance, whatever Age came along",
      7,
      { own: { age: "20" }, options: { ttlSeconds: 7 } },
    ],
  ])("%s", async (_, ttl, settings) => {
    const module = await stored(settings)
    await expectLifetime(module, get("/a"), { ttl })
  })

  test("2^31 - 1 seconds at most, and to the second", async () => {
    await expectLifetime(await stored({ call: { ttlSeconds: 2_147_483_647 } }), get("/a"), {
      ttl: 2_147_483_647,
    })
  })
})

describe("the stale window is that of", () => {
  const own = { "cache-control": "max-age=10, stale-while-revalidate=4" }

  test.each<[string, number, Case]>([
    [
      "the call before the rule",
      1,
      {
        own,
        options: { staleWhileRevalidateSeconds: 3, rules: [{ staleWhileRevalidateSeconds: 2 }] },
        call: { staleWhileRevalidateSeconds: 1 },
      },
    ],
    [
      "the rule before the instance",
      2,
      {
        own,
        options: { staleWhileRevalidateSeconds: 3, rules: [{ staleWhileRevalidateSeconds: 2 }] },
      },
    ],
    [
      "the instance where the rule has none",
      3,
      { own, options: { staleWhileRevalidateSeconds: 3, rules: [{}] } },
    ],
    ["the response if none is configured", 4, { own }],
    ["the call's 0 before a longer one", 0, { own, call: { staleWhileRevalidateSeconds: 0 } }],
    ["none without any declaration", 0, { own: { "cache-control": "max-age=10" } }],
    [
      "none if the response has must-revalidate",
      0,
      { own: { "cache-control": `${own["cache-control"]}, must-revalidate` } },
    ],
  ])("%s", async (_, window, settings) => {
    await expectLifetime(await stored(settings), get("/a"), { ttl: 10, window })
  })

  test("a lifetime of 0 has its window at once", async () => {
    const module = await stored({ call: { ttlSeconds: 0, staleWhileRevalidateSeconds: 5 } })
    await expectLifetime(module, get("/a"), { ttl: 0, window: 5 })
  })
})

test("every hit in the stale window is counted as a stale one beside the hits", async () => {
  const module = await stored({ call: { ttlSeconds: 10, staleWhileRevalidateSeconds: 10 } })
  await mustMatch(module, get("/a"))
  expect((await module.inspect()).staleHits).toBe(0)
  setClock(15)
  await module.match(get("/a"))
  const { staleHits } = await module.inspect()
  const { hits } = await module.stats()
  expect(await bodyOf(module, get("/a"))).toBe("a")
  expect((await module.inspect()).staleHits).toBe(staleHits + 1)
  expect((await module.stats()).hits).toBe(hits + 1)
})

test("a put in the stale window replaces the entry by a fresh one", async () => {
  const module = await stored({ call: { ttlSeconds: 10, staleWhileRevalidateSeconds: 10 } })
  setClock(15)
  expect(await (await staleMatch(module, get("/a")))?.text()).toBe("a")
  await module.put(get("/a"), new Response("b"), { ttlSeconds: 10 })
  setClock(24.999)
  expect(await bodyOf(module, get("/a"))).toBe("b")
  setClock(25)
  expect(await module.match(get("/a"))).toBeUndefined()
})

describe("a lifetime of 0 without a window stores nothing and counts nothing", () => {
  test.each<[string, Case]>([
    ["from the call", { call: { ttlSeconds: 0 } }],
    ["from the instance", { options: { ttlSeconds: 0 } }],
    ["from max-age", { own: { "cache-control": "max-age=0" } }],
  ])("%s", async (_, settings) => {
    const module = await stored(settings)
    expect(await refusals(module)).toEqual({ expired: 1 })
    expect(await module.stats()).toEqual(NO_STATS)
    expect(await module.match(get("/a"))).toBeUndefined()
  })
})

describe("the Cache-Control of the stored response is", () => {
  test.each<[string, string | null, Case]>([
    [
      "made from lifetime and window of the instance",
      "public, max-age=60, stale-while-revalidate=30",
      { options: { ttlSeconds: 60, staleWhileRevalidateSeconds: 30 } },
    ],
    ["without a stale window if there is none", "public, max-age=5", { call: { ttlSeconds: 5 } }],
    [
      "made from the call in place of the response's own",
      "public, max-age=5",
      { own: { "cache-control": "max-age=9, must-revalidate" }, call: { ttlSeconds: 5 } },
    ],
    ["made from the rule", "public, max-age=6", { options: { rules: RULES } }],
    ["made from the default", "public, max-age=60", {}],
    [
      "the response's own if its lifetime applies",
      "Max-Age=9 , X=1",
      { own: { "cache-control": "Max-Age=9 , X=1" } },
    ],
    [
      "the response's own if the lifetime of CDN-Cache-Control applies",
      "max-age=2",
      { own: { "cdn-cache-control": "max-age=9", "cache-control": "max-age=2" } },
    ],
    ["absent if the lifetime of Expires applies", null, { own: { expires: httpDate(9) } }],
  ])("%s", async (_, expected, settings) => {
    const response = await mustMatch(await stored(settings), get("/a"))
    expect(response.headers.get("cache-control")).toBe(expected)
  })
})

describe("methods", () => {
  const head = new Request(url("/a"), { method: "HEAD" })

  test("GET and HEAD are separate entries", async () => {
    const module = await stored({})
    expect(await module.match(head)).toBeUndefined()
    await module.put(head, new Response(null, { headers: { "x-of": "head" } }))
    expect((await mustMatch(module, head)).headers.get("x-of")).toBe("head")
    expect((await mustMatch(module, get("/a"))).headers.get("x-of")).toBeNull()
    expect(await module.delete(head)).toBe(true)
    expect(await bodyOf(module, get("/a"))).toBe("a")
  })

  test("a rule that lists another method lets it be put and matched, beside GET", async () => {
    const module = freshCache({ rules: [{ path: "/search", methods: ["post"], ttlSeconds: 5 }] })
    const search = new Request(url("/search"), { method: "POST", body: "q=1" })
    await module.put(search, new Response("found"))
    expect(await bodyOf(module, search)).toBe("found")
    expect(await bodyOf(module, get("/search"))).toBeUndefined()
    expect(search.bodyUsed).toBe(false)
    setClock(5)
    expect(await module.match(search)).toBeUndefined()
  })

  test("a rule for another path does not let it", async () => {
    const module = freshCache({ rules: [{ path: "/search", methods: ["POST"] }] })
    const other = new Request(url("/other"), { method: "POST" })
    await expect(module.put(other, new Response("a"))).rejects.toThrow(TypeError)
  })

  test("match and delete of a method that no rule covers find nothing, not even what another declaration put", async () => {
    const rules = [{ methods: ["POST"] }]
    const module = freshCache({ rules })
    const search = new Request(url("/search"), { method: "POST" })
    await module.put(search, new Response("found"))
    const without = sameIdentity(module)
    expect(await without.match(search)).toBeUndefined()
    expect(await without.delete(search)).toBe(false)
    expect(await bodyOf(module, search)).toBe("found")
  })

  test("match of a method that was never put is a miss, and delete counts a delete that found nothing", async () => {
    const module = await stored({})
    const request = new Request(url("/a"), { method: "DELETE" })
    expect(await module.match(request)).toBeUndefined()
    expect(await module.delete(request)).toBe(false)
    expect(await module.stats()).toEqual({ ...NO_STATS, misses: 1, puts: 1, deletes: 1 })
  })
})

test("an entry's lifetime starts at the call of put, not at the end of the body", async () => {
  const module = freshCache({ ttlSeconds: 10 })
  let end = () => {}
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      end = () => controller.close()
    },
  })
  const put = module.put(get("/slow"), new Response(stream))
  setClock(8)
  end()
  await put
  expect((await mustMatch(module, get("/slow"))).headers.get("age")).toBe("8")
  expect(Date.now()).toBe(START + 8000)
})
