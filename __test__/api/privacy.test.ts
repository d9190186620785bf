import type { CacheRefusal } from "@layeron/modules"
import { bodyOf, freshCache, mustMatch, NO_STATS, refusals, url } from "../helpers/cache"

const A = url("/a")

function withStatus(status: number): Response {
  return Object.defineProperty(new Response(null), "status", { value: status })
}

function withHeaders(headers: Record<string, string>): Response {
  return new Response("private matter", { headers })
}

const REFUSED: readonly (readonly [CacheRefusal, string, () => Response])[] = [
  ...(["no-store", "no-cache", "private"] as const).map(
    (directive) =>
      [directive, directive, () => withHeaders({ "cache-control": directive })] as const,
  ),
  ["set-cookie", "Set-Cookie", () => withHeaders({ "set-cookie": "a=b" })],
  [
    "set-cookie",
    "Set-Cookie beside private for another field",
    () => withHeaders({ "set-cookie": "a=b", "cache-control": "private=x-a" }),
  ],
  [
    "no-store",
    "private=Set-Cookie, no-store",
    () => withHeaders({ "cache-control": "private=Set-Cookie, no-store" }),
  ],
  ["status", "a 304", () => new Response(null, { status: 304 })],
  ["status", "a 103", () => withStatus(103)],
  ["status", "a network error", () => Response.error()],
  ["event-stream", "text/event-stream", () => withHeaders({ "content-type": "text/event-stream" })],
  ["vary", "a Vary with a space in a name", () => withHeaders({ vary: "accept language" })],
  [
    "vary",
    "a Vary of more than 128 names",
    () => withHeaders({ vary: Array.from({ length: 129 }, (_, n) => `x-${n}`).join(", ") }),
  ],
  ["vary", "a Vary of more than 4 KiB", () => withHeaders({ vary: "a".repeat(4097) })],
  [
    "cache-tag",
    "a tag of 1,025 characters",
    () => withHeaders({ "cache-tag": `a,${"b".repeat(1025)}` }),
  ],
]

describe("under any configuration, put resolves without storing and counts only the reason", () => {
  test.each(REFUSED)("%s for %s", async (reason, _, make) => {
    const module = freshCache({
      ttlSeconds: 60,
      staleWhileRevalidateSeconds: 60,
      rules: [{ ttlSeconds: 60 }],
    })
    expect(await module.put(A, make(), { ttlSeconds: 60 })).toBeUndefined()
    expect(await module.stats()).toEqual(NO_STATS)
    expect(await refusals(module)).toEqual({ [reason]: 1 })
    expect((await module.inspect()).entries).toBe(0)
    expect(await module.match(A)).toBeUndefined()
  })

  test("and the existing entry is still served", async () => {
    const module = freshCache()
    await module.put(A, new Response("public matter"))
    const oneOfEach = new Map(REFUSED.map(([reason, , make]) => [reason, make] as const).reverse())
    for (const make of oneOfEach.values()) await module.put(A, make())
    expect(await bodyOf(module, A)).toBe("public matter")
    expect((await module.stats()).puts).toBe(1)
  })

  test("inspect() lists every reason, even with a count of 0", async () => {
    const ofWrappedHandlers = [
      "authorization",
      "cookie",
      "no-freshness",
      "partial-content",
      "request-no-store",
      "should-store",
      "superseded",
    ]
    const reasons = [
      ...new Set(REFUSED.map(([reason]) => reason)),
      "expired",
      "in-flight",
      "too-large",
      ...ofWrappedHandlers,
    ]
    const { refusedWrites } = await freshCache().inspect()
    expect(Object.keys(refusedWrites).sort()).toEqual(reasons.sort())
    expect(new Set(Object.values(refusedWrites))).toEqual(new Set([0]))
  })

  test("the body of a response that is not stored is locked and cancelled", async () => {
    const module = freshCache()
    const response = withHeaders({ "cache-control": "no-store" })
    const put = module.put(A, response)
    expect(response.bodyUsed).toBe(true)
    expect(response.body?.locked).toBe(true)
    await put
  })
})

describe("responses that look private and may be stored:", () => {
  test.each([
    ["a quoted word", { "cache-control": 'x="no-store, private, no-cache"' }],
    ["a directive that only begins so", { "cache-control": "private-ish, no-stored" }],
    ["no-cache in Pragma", { pragma: "no-cache" }],
    [
      "an event stream in the parameter of another type",
      { "content-type": "text/plain; a=text/event-stream" },
    ],
    ["an empty Cache-Tag", { "cache-tag": " , " }],
  ])("%s", async (_, headers) => {
    const module = freshCache()
    await module.put(A, new Response("stored", { headers }))
    expect(await bodyOf(module, A)).toBe("stored")
  })

  test("all of several Set-Cookie lines are removed", async () => {
    const module = freshCache()
    const headers = new Headers({ "cache-control": "private=set-cookie" })
    headers.append("set-cookie", "a=1")
    headers.append("set-cookie", "b=2")
    await module.put(A, new Response("stored", { headers }))
    expect((await mustMatch(module, A)).headers.getSetCookie()).toEqual([])
  })
})
