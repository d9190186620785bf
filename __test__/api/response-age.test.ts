import { cache } from "@layeron/modules"
import { freshCache, get, mustMatch, url } from "../helpers/cache"
import { setClock, staleMatch, stopClock } from "../helpers/clock"

beforeEach(stopClock)
afterEach(() => jest.useRealTimers())

/** Returns `Age` and the `ttl` of `Cache-Status`. */
function times(response: Response | undefined): unknown {
  const ttl = response?.headers
    .get("cache-status")
    ?.match(/^\S+; hit; ttl=(-?\d+)(?:; detail=stale)?$/)?.[1]
  return [response?.headers.get("age"), ttl]
}

test("Cache-Status names the instance and the entry's remaining lifetime", async () => {
  const publicApi = cache({ name: "public-api", namespace: "storefront", ttlSeconds: 60 })
  await publicApi.put(get("/a"), new Response("a"))
  setClock(1)
  const response = await mustMatch(publicApi, get("/a"))
  expect(response.headers.get("cache-status")).toBe("storefront/public-api; hit; ttl=59")
  await publicApi.close()
})

test("Cache-Status quotes a name that cannot be a token", async () => {
  const module = freshCache({ namespace: "0-shop" })
  await module.put(get("/a"), new Response("a"))
  const response = await mustMatch(module, get("/a"))
  expect(response.headers.get("cache-status")).toBe(`"${module.identity}"; hit; ttl=60`)
})

test("Cache-Status is appended to the list of upstream caches", async () => {
  const module = freshCache()
  await module.put(
    get("/a"),
    new Response("a", { headers: { "cache-status": "ExampleCDN; fwd=miss" } }),
  )
  const response = await mustMatch(module, get("/a"))
  expect(response.headers.get("cache-status")).toBe(
    `ExampleCDN; fwd=miss, ${module.identity}; hit; ttl=60`,
  )
})

test("from the put on, Age increases and ttl decreases by whole seconds", async () => {
  const module = freshCache({ ttlSeconds: 60 })
  await module.put(get("/a"), new Response("a"))
  const seen = []
  for (const at of [0, 0.001, 0.999, 1, 1.5, 59, 59.999]) {
    setClock(at)
    seen.push(times(await module.match(get("/a"))))
  }
  expect(seen).toEqual([
    ["0", "60"],
    ["0", "59"],
    ["0", "59"],
    ["1", "59"],
    ["1", "58"],
    ["59", "1"],
    ["59", "0"],
  ])
})

test("ttl is negative in the stale window", async () => {
  const module = freshCache({ ttlSeconds: 10, staleWhileRevalidateSeconds: 30 })
  await module.put(get("/a"), new Response("a"))
  setClock(15)
  expect(times(await staleMatch(module, get("/a")))).toEqual(["15", "-5"])
})

test("a received Age counts if the response's own lifetime applies, and is dropped otherwise", async () => {
  const own = { headers: { "cache-control": "max-age=60", age: "20" } }
  for (const [options, expected] of [
    [{}, ["25", "35"]],
    [{ ttlSeconds: 60 }, ["5", "55"]],
  ] as const) {
    setClock(0)
    const module = freshCache(options)
    await module.put(get("/a"), new Response("a", own))
    setClock(5)
    expect(times(await module.match(get("/a")))).toEqual(expected)
  }
})

test("each put resets the age", async () => {
  const module = freshCache({ ttlSeconds: 60 })
  await module.put(get("/a"), new Response("a"))
  setClock(30)
  await module.put(get("/a"), new Response("b"))
  setClock(31)
  expect(times(await module.match(get("/a")))).toEqual(["1", "59"])
})

test("ttl is that of the entry, whichever declaration calls match", async () => {
  const module = freshCache({ ttlSeconds: 60 })
  await module.put(get("/a"), new Response("a"), { ttlSeconds: 5 })
  expect(times(await module.match(get("/a")))).toEqual(["0", "5"])
})

describe("a clock that steps back", () => {
  test("does not make an entry younger than it was at its put", async () => {
    const module = freshCache({ ttlSeconds: 60 })
    await module.put(get("/a"), new Response("a"))
    setClock(-5)
    expect(times(await module.match(get("/a")))).toEqual(["0", "60"])
    setClock(60)
    expect(await module.match(get("/a"))).toBeUndefined()
  })

  test("by more than 5 s makes earlier entries stale, and they are refreshed in their stale window", async () => {
    const module = freshCache({ ttlSeconds: 60, staleWhileRevalidateSeconds: 30 })
    await module.put(get("/a"), new Response("a"))
    await module.put(get("/b"), new Response("b"), { staleWhileRevalidateSeconds: 0 })
    setClock(-36_000)
    expect(await module.match(get("/a"))).toBeUndefined()
    expect(times(await module.match(get("/a")))).toEqual(["60", "0"])
    expect(await module.match(get("/b"))).toBeUndefined()
    await module.put(get("/a"), new Response("c"))
    expect(times(await module.match(get("/a")))).toEqual(["0", "60"])
    expect(await module.inspect()).toMatchObject({ entries: 1, oldestEntrySeconds: 0 })
  })

  test("neither ages nor loses entries that are put after it", async () => {
    const module = freshCache({ ttlSeconds: 60 })
    await module.put(get("/a"), new Response("before"))
    setClock(-3600)
    await module.put(get("/a"), new Response("after"))
    await module.put(url("/b"), new Response("b"))
    setClock(-3550)
    expect(await (await mustMatch(module, get("/a"))).text()).toBe("after")
    expect(times(await module.match(url("/b")))).toEqual(["50", "10"])
    setClock(-3540)
    expect(await module.match(get("/a"))).toBeUndefined()
  })

  test("to before 1970 does not break the cache", async () => {
    const module = freshCache({ ttlSeconds: 60 })
    jest.setSystemTime(-1_000_000)
    await module.put(get("/a"), new Response("a"))
    jest.setSystemTime(-941_000)
    expect(times(await module.match(get("/a")))).toEqual(["59", "1"])
    jest.setSystemTime(-940_000)
    expect(await module.match(get("/a"))).toBeUndefined()
  })
})
