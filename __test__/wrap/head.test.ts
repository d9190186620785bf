import { get } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  counts,
  endTest,
  PATH,
  TTL,
  type Wrapped,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const STORED = { etag: '"v1"', "content-length": "4", "x-run": "1" }

/**
 * Wraps a handler whose stored response to GET has just become stale; it answers HEAD with
 * `answer`.
 */
async function wrappedWithStaleGet(
  answer: ResponseInit | ((request: Request) => ResponseInit),
  stored: Record<string, string> = STORED,
): Promise<Wrapped> {
  const wrapper = wrapped(
    (request, run) => {
      if (request.method === "GET")
        return new Response("body", { headers: { ...stored, "x-run": `${run}` } })
      return new Response(null, typeof answer === "function" ? answer(request) : answer)
    },
    { ttlSeconds: TTL },
  )
  await (await wrapper.send()).text()
  await advanceSeconds(TTL)
  return wrapper
}

function head(headers: Record<string, string> = {}): Request {
  return new Request(AT, { method: "HEAD", headers })
}

const SAME = { headers: { ...STORED, "x-run": "head" } }

describe("a HEAD of a stale response", () => {
  test("is passed to the handler unchanged, and the response to the caller", async () => {
    const { module, send, received } = await wrappedWithStaleGet(SAME)
    const request = head({ "x-a": "1" })
    const response = await send(request)
    expect(received[1]).toBe(request)
    expect([response.status, response.body, response.headers.get("content-length")]).toEqual([
      200,
      null,
      "4",
    ])
    expect(response.headers.get("cache-status")).toBe(
      `${module.identity}; fwd=stale; fwd-status=200`,
    )
    expect(await counts(module)).toEqual({ misses: 2, puts: 1 })
  })

  test("is not answered with a 304 without a condition of the caller", async () => {
    const { send } = await wrappedWithStaleGet(({ headers }) =>
      headers.has("if-none-match") ? { status: 304 } : SAME,
    )
    expect((await send(head())).status).toBe(200)
    expect((await send(head({ "if-none-match": '"v1"' }))).status).toBe(304)
  })
})

test("the response to a HEAD that demands validation invalidates a fresh response as well", async () => {
  const { module, send } = await wrappedWithStaleGet({ headers: { etag: '"v2"' } })
  await (await send()).text()
  expect(cacheStatusOf(await send(head({ "cache-control": "no-cache" })))).toBe(
    "fwd=request; fwd-status=200",
  )
  expect(await module.inspect()).toMatchObject({ entries: 0 })
})

test("the response to a HEAD for another variant does not change the stored one", async () => {
  const wrapper = wrapped(
    ({ method, headers }) =>
      new Response(method === "GET" ? "body" : null, {
        headers: { vary: "x-a", etag: `"${headers.get("x-a")}"` },
      }),
    { ttlSeconds: TTL },
  )
  await (await wrapper.send(get(PATH, { "x-a": "1" }))).text()
  await wrapper.send(head({ "x-a": "2" }))
  expect(cacheStatusOf(await wrapper.send(get(PATH, { "x-a": "1" })))).toBe("hit; ttl=60")
})
