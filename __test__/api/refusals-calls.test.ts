import type { CacheModule, CachePutOptions } from "@layeron/modules"
import * as bad from "../helpers/bad-input"
import { errorOf, forbidden, freshCache, url } from "../helpers/cache"
import {
  expectRefused,
  KEY_OPTIONS,
  moduleWithEntry,
  nested,
  POLICY,
  rows,
} from "../helpers/refusals"

type Call = (module: CacheModule, request: never, options?: never) => unknown
const CALLS: Record<"key" | "match" | "delete" | "put", Call> = {
  key: (module, request, options) => module.key(request, options),
  match: (module, request, options) => module.match(request, options),
  delete: (module, request, options) => module.delete(request, options),
  put: (module, request, options) => module.put(request, new Response("new"), options),
}

describe.each(Object.entries(CALLS))("%s() is refused", (name, call) => {
  const options = name === "put" ? POLICY : KEY_OPTIONS

  test.each(rows(options))("for a %s of %s", async (path, _, value) => {
    const { module, expectUnchanged } = await moduleWithEntry()
    const options = forbidden<never>(nested(path, value))
    const refused = () => call(module, forbidden<never>(url("/kept")), options)
    await expectRefused(refused, `${name}() options.${path}`, "LAYERON_INVALID_OPTION")
    await expectUnchanged()
  })

  test.each(bad.OBJECT)("for options of %s", async (_, value) => {
    const { module, expectUnchanged } = await moduleWithEntry()
    const refused = () => call(module, forbidden<never>(url("/kept")), forbidden<never>(value))
    await expectRefused(refused, `${name}() options`, "LAYERON_INVALID_OPTION")
    await expectUnchanged()
  })

  test.each(bad.REQUEST)("for a request of %s", async (_, value) => {
    const { module, expectUnchanged } = await moduleWithEntry()
    const refused = () => call(module, forbidden<never>(value))
    await expectRefused(refused, `${name}() request`, "LAYERON_INVALID_REQUEST")
    await expectUnchanged()
  })
})

describe("purge() is refused", () => {
  async function expectPurgeRefused(
    selector: unknown,
    path: string,
    code = "LAYERON_INVALID_OPTION",
  ) {
    const { module, expectUnchanged } = await moduleWithEntry()
    await expectRefused(() => module.purge(forbidden(selector)), path, code)
    await expectUnchanged()
  }

  test.each(rows({ tags: bad.LIST, "tags[0]": bad.TAG, prefix: bad.TEXT }))(
    "for a %s of %s",
    async (path, _, value) => expectPurgeRefused(nested(path, value), `purge() selector.${path}`),
  )

  test.each([
    ["null", null],
    ["a string", "true"],
    ["a number", 1],
  ])("for an everything of %s", async (_, everything) =>
    expectPurgeRefused({ everything }, "purge() selector.everything"),
  )

  test.each(bad.REQUEST.filter(([, value]) => value !== undefined))(
    "for a request of %s",
    async (_, request) =>
      expectPurgeRefused({ request }, "purge() selector.request", "LAYERON_INVALID_REQUEST"),
  )

  test.each<bad.InvalidValues[number]>([...bad.OBJECT, ["undefined", undefined]])(
    "for a selector of %s",
    async (_, selector) => expectPurgeRefused(selector, "purge() selector"),
  )

  test.each([
    ["without a field", {}],
    ["whose fields are all undefined", { tags: undefined, prefix: undefined, request: undefined }],
    ["that wants nothing at all", { everything: false }],
  ])("for a selector %s", async (_, selector) => expectPurgeRefused(selector, "purge() selector"))

  test.each([
    ["alone", { tag: ["kept"] }],
    ["beside a known one", { tags: ["kept"], tag: ["kept"] }],
  ])("for an unknown field %s", async (_, selector) =>
    expectPurgeRefused(selector, "purge() selector.tag"),
  )

  test("for a bad request beside tags that select entries", async () =>
    expectPurgeRefused(
      { tags: ["kept"], request: "/kept" },
      "purge() selector.request",
      "LAYERON_INVALID_REQUEST",
    ))
})

describe("put() is refused", () => {
  async function used(): Promise<Response> {
    const response = new Response("new")
    await response.text()
    return response
  }

  function locked(): Response {
    const response = new Response("new")
    response.body?.getReader()
    return response
  }

  async function readInPart(): Promise<Response> {
    const response = new Response("new")
    const reader = response.body!.getReader()
    await reader.read()
    reader.releaseLock()
    return response
  }

  test.each<readonly [string, () => unknown]>([
    ...bad.RESPONSE.map(([label, value]) => [label, () => value] as const),
    ["a 206", () => new Response("new", { status: 206 })],
    ["Vary: *", () => new Response("new", { headers: { vary: "*" } })],
    ["Vary: * among names", () => new Response("new", { headers: { vary: "accept, *" } })],
    ["a used body", used],
    ["a locked body", locked],
    ["a body read in part", readInPart],
  ])("for a response of %s", async (_, make) => {
    const { module, expectUnchanged } = await moduleWithEntry()
    const response = await make()
    const refused = () => module.put(url("/kept"), forbidden(response))
    await expectRefused(refused, "put() response", "LAYERON_INVALID_RESPONSE")
    await expectUnchanged()
  })

  test.each(["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])(
    "for a %s that no rule covers",
    async (method) => {
      const { module, expectUnchanged } = await moduleWithEntry()
      const request = new Request(url("/kept"), { method })
      const response = new Response("new")
      await expectRefused(
        () => module.put(request, response),
        "put() request",
        "LAYERON_INVALID_REQUEST",
      )
      await expectUnchanged()
      expect(await module.match(request)).toBeUndefined()
    },
  )

  test.each<readonly [string, Request | string, ResponseInit, CachePutOptions]>([
    ["a 206", url("/a"), { status: 206 }, {}],
    ["Vary: *", url("/a"), { headers: { vary: "*" } }, {}],
    ["a POST", new Request(url("/a"), { method: "POST" }), {}, {}],
    ["a bad option", url("/a"), {}, { ttlSeconds: -1 }],
    ["a bad request", "/a", {}, {}],
  ])("for %s without touching the body", async (_, request, init, options) => {
    const response = new Response("still mine", init)
    await errorOf(() => freshCache().put(request, response, options))
    expect(response.bodyUsed).toBe(false)
    expect(await response.text()).toBe("still mine")
  })
})

test("a refused call rejects, and only key() throws", async () => {
  const { module } = await moduleWithEntry()
  const request = forbidden<Request>("/relative")
  const calls = [module.match(request), module.put(request, new Response()), module.delete(request)]
  const purge = module.purge({ prefix: "" })
  expect((await Promise.allSettled([...calls, purge])).map(({ status }) => status)).toEqual(
    Array(4).fill("rejected"),
  )
  expect(() => module.key(request)).toThrow(TypeError)
})
