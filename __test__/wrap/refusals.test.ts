import { type CacheHandler, type CacheWrapOptions, cache } from "@layeron/modules"
import * as bad from "../helpers/bad-input"
import { errorOf, forbidden, freshCache, NO_STATS, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { expectRefused, moduleWithEntry, nested, rows } from "../helpers/refusals"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  collectWarnings,
  concurrently,
  endTest,
  POLICY,
  type Wrapped,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(async () => {
  await endTest()
  jest.restoreAllMocks()
})

const fine = () => new Response("fine")
const NOT_A_FUNCTION: bad.InvalidValues = [
  ["null", null],
  ["a string", "fine"],
  ["a number", 1],
  ["an object", {}],
  ["a response", new Response("fine")],
  ["a promise", Promise.resolve(fine)],
]
const NOT_TAGS: bad.InvalidValues = bad.LIST.filter(([label]) => label !== "a function")
const MILLISECONDS: bad.InvalidValues = [...bad.SECONDS, ["0", 0]]

const OPTIONS = {
  ttlSeconds: bad.SECONDS,
  staleWhileRevalidateSeconds: bad.SECONDS,
  staleIfErrorSeconds: bad.SECONDS,
  refreshTimeoutMs: MILLISECONDS,
  vary: bad.LIST,
  "vary[0]": bad.HEADER_NAME,
  tags: NOT_TAGS,
  "tags[0]": bad.TAG,
  waitUntil: NOT_A_FUNCTION,
}

describe("wrap() throws a TypeError that names the invalid option, and changes nothing, for", () => {
  test.each([["undefined", undefined] as const, ...NOT_A_FUNCTION])(
    "a handler that is %s",
    async (_, value) => {
      const { module, expectUnchanged } = await moduleWithEntry()
      await expectRefused(
        () => module.wrap(forbidden<CacheHandler>(value)),
        "wrap() handler",
        "LAYERON_INVALID_OPTION",
      )
      await expectUnchanged()
    },
  )

  test.each(bad.OBJECT)("options that are %s", async (_, value) => {
    const { module } = await moduleWithEntry()
    const call = () => module.wrap(fine, forbidden<CacheWrapOptions>(value))
    await expectRefused(call, "wrap() options", "LAYERON_INVALID_OPTION")
  })

  test.each(rows(OPTIONS))("options.%s of %s", async (path, _, value) => {
    const { module, expectUnchanged } = await moduleWithEntry()
    const options = forbidden<CacheWrapOptions>(nested(path, value))
    await expectRefused(
      () => module.wrap(fine, options),
      `wrap() options.${path}`,
      "LAYERON_INVALID_OPTION",
    )
    await expectUnchanged()
  })
})

test("the error names the allowed values", async () => {
  const described = async (options: unknown) =>
    (await errorOf(() => freshCache().wrap(fine, forbidden<CacheWrapOptions>(options)))).message
  expect(await described({ ttlSeconds: -1 })).toBe(
    "wrap() options.ttlSeconds must be an integer from 0 to 2147483647, got -1",
  )
  expect(await described({ refreshTimeoutMs: 0 })).toBe(
    "wrap() options.refreshTimeoutMs must be an integer from 1 to 2147483647, got 0",
  )
  expect(await described({ waitUntil: 1 })).toBe(
    "wrap() options.waitUntil must be a function, got 1",
  )
})

test("an unknown option is warned of once and has no effect", async () => {
  const warned = collectWarnings()
  const options = forbidden<CacheWrapOptions>({ ...POLICY, tttlSeconds: 1 })
  for (let call = 0; call < 2; call++) {
    const { send } = wrapped(fine, options)
    expect(await (await send()).text()).toBe("fine")
  }
  expect(warned).toEqual([
    [
      expect.stringContaining("wrap() options.tttlSeconds is not an option and has no effect"),
      "LAYERON_UNKNOWN_OPTION",
    ],
  ])
})

test("options that are undefined have no effect", async () => {
  const undefineds = Object.fromEntries(
    Object.keys(OPTIONS).map((path) => [path.replace("[0]", ""), undefined]),
  )
  for (const options of [undefined, {}, undefineds]) {
    const { send } = wrapped(fine, options as CacheWrapOptions, { ttlSeconds: 60 })
    expect((await send()).headers.get("cache-status")).toMatch(/; stored; ttl=60$/)
  }
})

test("wrap() of a closed module throws", async () => {
  const module = freshCache()
  await module.close()
  expect((await errorOf(() => module.wrap(fine))).code).toBe("LAYERON_CLOSED")
  await cache({ name: module.name }).close()
})

describe("a wrapped handler rejects with a TypeError, and runs nothing, for", () => {
  test.each([...bad.REQUEST, ["a URL string", AT] as const, ["a URL", new URL(AT)] as const])(
    "%s",
    async (_, value) => {
      const { module, send, runs } = wrapped(fine, POLICY)
      const error = await errorOf(() =>
        send(value === undefined ? forbidden(null) : forbidden<Request>(value)),
      )
      expect([error instanceof TypeError, error.code]).toEqual([true, "LAYERON_INVALID_REQUEST"])
      expect(error.message).toContain("the request of a wrapped handler must ")
      expect(runs()).toBe(0)
      expect(await module.stats()).toEqual(NO_STATS)
    },
  )
})

describe("a handler that returns", () => {
  const used = async () => {
    const response = new Response("used")
    await response.text()
    return response
  }
  const locked = () => {
    const response = new Response("locked")
    response.body?.getReader()
    return response
  }
  const BAD: [string, () => unknown][] = [
    ...bad.RESPONSE.filter(([label]) => label !== "a promise").map(
      ([label, value]): [string, () => unknown] => [label, () => value],
    ),
    ["a promise of no response", () => Promise.resolve("fine")],
    ["a response whose body is used", used],
    ["a response whose body is locked", locked],
  ]

  async function expectFailures(
    wrapper: Wrapped,
    request: () => Request,
    runs: number,
  ): Promise<void> {
    for (const answer of concurrently(3, () => wrapper.send(request()))) {
      const error = await errorOf(() => answer)
      expect([error instanceof TypeError, error.code]).toEqual([true, "LAYERON_INVALID_RESPONSE"])
      expect(error.message).toContain("the response of a wrapped handler must ")
    }
    expect(wrapper.runs()).toBe(runs)
    expect(await wrapper.module.inspect()).toMatchObject({ entries: 0 })
  }

  test.each(BAD)("%s has failed, for all waiters", async (_, give) => {
    const gate = deferred()
    const wrapper = wrapped(async () => {
      await gate.promise
      return forbidden<Response>(await give())
    }, POLICY)
    const failed = expectFailures(wrapper, () => new Request(AT), 2)
    await waitUntilIdle()
    gate.resolve()
    await failed
  })

  test.each(BAD)("%s to a request that is not cached has failed, each time", async (_, give) => {
    const wrapper = wrapped(async () => forbidden<Response>(await give()), POLICY)
    await expectFailures(wrapper, () => new Request(AT, { method: "POST" }), 3)
  })

  test("the same response again has failed the second time, because its body is used", async () => {
    const one = new Response("one")
    const { send } = wrapped(() => one, POLICY)
    expect(await (await send()).text()).toBe("one")
    expect((await errorOf(() => send(new Request(url("/other"))))).code).toBe(
      "LAYERON_INVALID_RESPONSE",
    )
  })
})
