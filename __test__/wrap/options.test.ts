import type { CacheModule, CacheModuleOptions, CacheWrapOptions } from "@layeron/modules"
import { bodyOf, errorOf, forbidden, freshCache, get, refusals } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { endlessStream } from "../helpers/streams"
import {
  AT,
  cacheStatusOf,
  counts,
  endTest,
  PATH,
  waitUntilIdle,
  wrapped,
  wrappedIn,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const PLAIN = { "cache-control": "max-age=7, stale-while-revalidate=8" }

/** Stores a response with these header fields; returns the times and tags of its entry. */
async function storedEntry(
  options: CacheWrapOptions,
  declared: Partial<CacheModuleOptions>,
  headers: Record<string, string>,
) {
  const { module, send } = wrapped(() => new Response("x", { headers }), options, declared)
  const response = await send()
  await response.text()
  const { entry } = await module.explain(AT)
  return { module, response, entry }
}

describe("the lifetime and the stale window", () => {
  const rule = { ttlSeconds: 30, staleWhileRevalidateSeconds: 31 }
  const instance = { ttlSeconds: 20, staleWhileRevalidateSeconds: 21 }

  test.each<[string, CacheWrapOptions, Partial<CacheModuleOptions>, number, number]>([
    [
      "wrap sets",
      { ttlSeconds: 40, staleWhileRevalidateSeconds: 41 },
      { ...instance, rules: [rule] },
      40,
      41,
    ],
    ["the rule sets", {}, { ...instance, rules: [rule] }, 30, 31],
    [
      "wrap sets if no rule covers the request",
      { ttlSeconds: 40 },
      { ...instance, rules: [{ ...rule, path: "/x" }] },
      40,
      21,
    ],
    ["the instance sets", {}, instance, 20, 21],
    ["the response declares", {}, {}, 7, 8],
    ["wrap sets for one and the response declares for the other", { ttlSeconds: 40 }, {}, 40, 8],
    ["wrap sets for one and the rule for the other", { ttlSeconds: 40 }, { rules: [rule] }, 40, 31],
    ["wrap sets, even 0", { staleWhileRevalidateSeconds: 0 }, instance, 20, 0],
  ])("are those that %s", async (_, options, declared, ttl, window) => {
    const { entry: found } = await storedEntry(options, declared, PLAIN)
    expect(found).toMatchObject({ lifetimeSeconds: ttl, staleWindowLeftSeconds: window })
  })

  test("are in the Cache-Control of the response for the first client, if configured", async () => {
    const { response } = await storedEntry(
      { ttlSeconds: 40, staleWhileRevalidateSeconds: 5 },
      {},
      PLAIN,
    )
    expect(response.headers.get("cache-control")).toBe(
      "public, max-age=40, stale-while-revalidate=5",
    )
  })

  test("that the response declares do not change its Cache-Control", async () => {
    const { response, module } = await storedEntry({}, {}, PLAIN)
    expect(response.headers.get("cache-control")).toBe(PLAIN["cache-control"])
    expect((await module.match(AT))?.headers.get("cache-control")).toBe(PLAIN["cache-control"])
  })

  test("have no default: a response without a declared or configured lifetime is not stored", async () => {
    const { module, response } = await storedEntry({}, {}, {})
    expect(cacheStatusOf(response)).toBe("fwd=uri-miss; fwd-status=200; detail=no-freshness")
    expect(await refusals(module)).toEqual({ "no-freshness": 1 })
    expect(await bodyOf(module, AT)).toBeUndefined()
  })

  test("that are configured do not apply to errors", async () => {
    const { module, send, runs } = wrapped(() => new Response("x", { status: 400 }), {
      ttlSeconds: 60,
    })
    for (let call = 1; call <= 2; call++) await (await send()).text()
    expect(runs()).toBe(2)
    expect(await refusals(module)).toEqual({ "no-freshness": 2 })
  })
})

describe("vary", () => {
  const byLanguage = (request: Request) => new Response(request.headers.get("accept-language"))

  test("puts the named headers into the key in place of the configured ones", async () => {
    const options = { ttlSeconds: 60, vary: ["Accept-Language"] }
    const { module, send, runs } = wrapped(byLanguage, options, { vary: ["x-other"] })
    const [german, english] = [{ "accept-language": "de" }, { "accept-language": "en" }]
    for (const headers of [german, english, { ...german, "x-other": "1" }]) {
      expect(await (await send(get(PATH, headers))).text()).toBe(headers["accept-language"])
    }
    expect(runs()).toBe(2)
    const vary = ["accept-language"]
    expect(await (await module.match(get(PATH, german), { vary }))?.text()).toBe("de")
    expect(await module.match(get(PATH, german))).toBeUndefined()
  })

  test("of the rule applies if wrap has none", async () => {
    const rules = [{ path: "/w/:id", vary: ["accept-language"] }]
    const { send, runs } = wrapped(byLanguage, { ttlSeconds: 60 }, { rules })
    for (const language of ["de", "en", "de"]) {
      const request = get(PATH, { "accept-language": language })
      expect(await (await send(request)).text()).toBe(language)
    }
    expect(runs()).toBe(2)
  })
})

describe("tags", () => {
  const declared = { tags: ["instance"], rules: [{ tags: ["rule"] }] }

  test("are the union of wrap, rule, instance and Cache-Tag, and are not sent to the client", async () => {
    const options = { ttlSeconds: 60, tags: ["wrap", "rule"] }
    const { entry: found, response } = await storedEntry(options, declared, {
      "cache-tag": "own, wrap",
    })
    expect(found?.tags.toSorted()).toEqual(["instance", "own", "rule", "wrap"])
    expect(response.headers.has("cache-tag")).toBe(false)
  })

  test.each<[string, <T>(value: T) => T | Promise<T>]>([
    ["returned at once", (value) => value],
    ["promised", async (value) => value],
  ])(
    "may be %s, of the request that the caller passed and of the unused response",
    async (_, give) => {
      const seen: [Request, Response][] = []
      const answers: Response[] = []
      const { module, send } = wrapped(
        () => {
          answers.push(new Response("x", { headers: { "x-id": "7" } }))
          return answers[0] as Response
        },
        {
          ttlSeconds: 60,
          tags: (request, response) => {
            seen.push([request, response])
            return give([`id-${response.headers.get("x-id")}`])
          },
        },
      )
      const request = new Request(AT)
      expect(await (await send(request)).text()).toBe("x")
      expect(seen).toHaveLength(1)
      expect(seen[0]?.[0]).toBe(request)
      expect(seen[0]?.[1]).toBe(answers[0])
      expect((await module.explain(AT)).entry?.tags).toEqual(["id-7"])
      await (await send()).text()
      expect(seen).toHaveLength(1)
      expect(await module.purge({ tags: ["id-7"] })).toEqual({ purged: 1 })
    },
  )

  test.each<[string, () => Promise<readonly string[]>]>([
    [
      "throws",
      () => {
        throw new Error("no tags")
      },
    ],
    [
      "rejects",
      async () => {
        throw new Error("no tags")
      },
    ],
  ])(
    "from a function that %s fail the run with its error, and nothing is stored",
    async (_, tags) => {
      const { module, send, runs } = wrapped(() => new Response("x"), { ttlSeconds: 60, tags })
      await expect(send()).rejects.toThrow("no tags")
      await waitUntilIdle()
      expect(runs()).toBe(1)
      expect(await counts(module)).toEqual({ misses: 1 })
    },
  )

  test("that are invalid cancel the response", async () => {
    const { stream, cancelled } = endlessStream(1)
    const tags = () => Promise.reject(new Error("no tags"))
    const { send } = wrapped(() => new Response(stream), { ttlSeconds: 60, tags })
    await expect(send()).rejects.toThrow("no tags")
    expect(cancelled()).toBe(true)
  })

  test.each<[string, unknown, string]>([
    ["a string", "a", "wrap() options.tags() must be an array"],
    ["null", null, "wrap() options.tags() must be an array"],
    ["a list with a comma in it", ["a", "b,c"], "wrap() options.tags()[1] must be a tag"],
    ["a list with a number in it", [1], "wrap() options.tags()[0] must be a tag"],
  ])("from a function that returns %s fail the run with a reason", async (_, value, message) => {
    const { module, send } = wrapped(() => new Response("x"), {
      ttlSeconds: 60,
      tags: () => forbidden<string[]>(value),
    })
    const error = await errorOf(send)
    expect(error).toBeInstanceOf(TypeError)
    expect([error.code, error.message]).toEqual([
      "LAYERON_INVALID_OPTION",
      expect.stringContaining(message),
    ])
    expect(await module.inspect()).toMatchObject({ entries: 0 })
  })

  test("are not computed for a response that is not stored", async () => {
    let calls = 0
    const tags = () => {
      calls++
      return []
    }
    const { send } = wrapped(
      () => new Response("x"),
      { tags },
      { rules: [{ bypass: { query: ["p"] } }] },
    )
    await send(get(`${PATH}?p`))
    await send(new Request(AT, { method: "POST" }))
    expect(calls).toBe(0)
  })
})

test("two wrapped handlers of one module have their own options and share entries", async () => {
  const module: CacheModule = freshCache()
  const short = wrappedIn(module, () => new Response("short"), { ttlSeconds: 1 })
  const long = wrappedIn(module, () => new Response("long"), { ttlSeconds: 60 })
  expect(await (await long.send()).text()).toBe("long")
  expect(await (await short.send()).text()).toBe("long")
  await module.delete(AT)
  expect(await (await short.send()).text()).toBe("short")
  expect((await module.explain(AT)).entry?.lifetimeSeconds).toBe(1)
})
