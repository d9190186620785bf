import type { CachePurgeSelector } from "@layeron/modules"
import { bodyOf, get, mustMatch, url } from "../helpers/cache"
import { httpDate, stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  counts,
  endTest,
  PATH,
  POLICY,
  type Wrapped,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const BODY = "0123456789"
const MODIFIED = httpDate(-3600)
const HEADERS = {
  etag: '"v1"',
  "last-modified": MODIFIED,
  "content-type": "text/plain",
  "content-language": "en",
  "x-kept": "1",
}

/** Wraps a handler whose response was stored 10 seconds ago. */
async function wrapperWithStored(headers: Record<string, string> = HEADERS): Promise<Wrapped> {
  const wrapper = wrapped(
    (_, run) => new Response(run === 1 ? BODY : `run ${run}`, { headers }),
    POLICY,
  )
  expect(await (await wrapper.send()).text()).toBe(BODY)
  await advanceSeconds(10)
  return wrapper
}

describe("a fresh response", () => {
  test("is served without running the handler, with Age and Cache-Status", async () => {
    const { module, send, runs } = await wrapperWithStored()
    const response = await send()
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toEqual({
      ...HEADERS,
      age: "10",
      date: httpDate(0),
      "cache-control": "public, max-age=60, stale-while-revalidate=300",
      "cache-status": `${module.identity}; hit; ttl=50`,
    })
    expect(await response.text()).toBe(BODY)
    expect(runs()).toBe(1)
    expect(await counts(module)).toEqual({ hits: 1, misses: 1, puts: 1 })
  })

  test("is a separate object for each caller", async () => {
    const { send } = await wrapperWithStored()
    const [one, other] = await Promise.all([send(), send()])
    one.headers.set("x-kept", "changed")
    new Uint8Array(await one.arrayBuffer()).fill(0)
    expect(other.headers.get("x-kept")).toBe("1")
    expect(await other.text()).toBe(BODY)
    const third = await send()
    expect(third.headers.get("x-kept")).toBe("1")
    expect(await third.text()).toBe(BODY)
  })

  test("is not affected by changes of a caller to the response of its run", async () => {
    const { send } = wrapped(() => new Response(BODY, { headers: HEADERS }), POLICY)
    const first = await send()
    first.headers.set("x-kept", "changed")
    new Uint8Array(await first.arrayBuffer()).fill(0)
    const second = await send()
    expect(second.headers.get("x-kept")).toBe("1")
    expect(await second.text()).toBe(BODY)
  })

  test("has the status, the reason phrase and the bytes of the handler's response", async () => {
    const bytes = new Uint8Array([0xff, 0x00, 0xfe, 0x80])
    const { send, runs } = wrapped(
      () => new Response(bytes, { status: 404, statusText: "Not There" }),
      POLICY,
    )
    await (await send()).arrayBuffer()
    const response = await send()
    expect([response.status, response.statusText, response.ok, runs()]).toEqual([
      404,
      "Not There",
      false,
      1,
    ])
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
  })
})

describe("with a fresh response,", () => {
  test.each<[string, Record<string, string>]>([
    ["If-None-Match with its entity tag", { "if-none-match": '"v0", "v1"' }],
    ["If-None-Match with its entity tag made weak", { "if-none-match": 'W/"v1"' }],
    ["If-None-Match with an asterisk", { "if-none-match": "*" }],
    ["If-Modified-Since with its date", { "if-modified-since": MODIFIED }],
  ])("%s gets a 304 with the fields of a 304 only", async (_, headers) => {
    const { module, send, runs } = await wrapperWithStored()
    const response = await send(get(PATH, headers))
    expect([response.status, response.body, runs()]).toEqual([304, null, 1])
    expect(Object.fromEntries(response.headers)).toEqual({
      age: "10",
      date: httpDate(0),
      etag: '"v1"',
      "x-kept": "1",
      "cache-control": "public, max-age=60, stale-while-revalidate=300",
      "cache-status": `${module.identity}; hit; ttl=50`,
    })
    expect(await counts(module)).toMatchObject({ hits: 1 })
  })

  test.each<[string, Record<string, string>, number, string | null, string]>([
    ["a range", { range: "bytes=2-4" }, 206, "bytes 2-4/10", "234"],
    ["the last bytes", { range: "bytes=-3" }, 206, "bytes 7-9/10", "789"],
    ["a range that is not there", { range: "bytes=10-" }, 416, "bytes */10", ""],
    [
      "a range if it is current",
      { range: "bytes=0-0", "if-range": '"v1"' },
      206,
      "bytes 0-0/10",
      "0",
    ],
    ["a range if it were another", { range: "bytes=0-0", "if-range": '"v0"' }, 200, null, BODY],
    ["two ranges", { range: "bytes=0-0,2-2" }, 200, null, BODY],
  ])("%s is answered from the store", async (_, headers, status, range, body) => {
    const { module, send, runs } = await wrapperWithStored()
    const response = await send(get(PATH, headers))
    expect([response.status, response.headers.get("content-range")]).toEqual([status, range])
    expect(cacheStatusOf(response)).toBe("hit; ttl=50")
    expect(await response.text()).toBe(body)
    expect(runs()).toBe(1)
    expect(await counts(module)).toEqual({ hits: 1, misses: 1, puts: 1 })
  })

  test("HEAD gets the head of GET, with its Content-Length and no body", async () => {
    const { send, runs } = await wrapperWithStored()
    const ofGet = Object.fromEntries((await send()).headers)
    const response = await send(new Request(AT, { method: "HEAD" }))
    expect([response.status, response.body, runs()]).toEqual([200, null, 1])
    expect(Object.fromEntries(response.headers)).toEqual({ ...ofGet, "content-length": "10" })
  })

  test("HEAD with its entity tag gets a 304, and ignores a range", async () => {
    const { send } = await wrapperWithStored()
    const head = (headers: Record<string, string>) =>
      send(new Request(AT, { method: "HEAD", headers }))
    expect((await head({ "if-none-match": '"v1"' })).status).toBe(304)
    const ranged = await head({ range: "bytes=0-1" })
    expect([ranged.status, ranged.headers.get("content-length")]).toEqual([200, "10"])
  })
})

describe("an entry that a wrapped handler has stored", () => {
  test("has the key of key() and is found by match()", async () => {
    const { module, send } = await wrapperWithStored()
    expect((await module.explain(AT)).entry).toMatchObject({ ageSeconds: 10, lifetimeSeconds: 60 })
    expect(await (await mustMatch(module, AT)).text()).toBe(BODY)
    expect(module.key(AT)).toBe(`${AT}#default;GET`)
    expect((await module.explain(AT)).key).toBe(module.key(AT))
    expect(cacheStatusOf(await send())).toBe("hit; ttl=50")
  })

  test("is removed by delete()", async () => {
    const { module, send, runs } = await wrapperWithStored()
    expect(await module.delete(AT)).toBe(true)
    expect(await (await send()).text()).toBe("run 2")
    expect(runs()).toBe(2)
  })

  test.each<[string, CachePurgeSelector]>([
    ["request", { request: AT }],
    ["tag", { tags: ["t"] }],
    ["prefix", { prefix: url("/w/") }],
    ["path", { prefix: "/w" }],
    ["nothing in particular", { everything: true }],
  ])("is purged by %s", async (_, selector) => {
    const wrapper = wrapped((_, run) => new Response(`run ${run}`), { ...POLICY, tags: ["t"] })
    await (await wrapper.send()).text()
    expect(await wrapper.module.purge(selector)).toEqual({ purged: 1 })
    expect(await (await wrapper.send()).text()).toBe("run 2")
  })

  test("is interchangeable with one that put() has stored", async () => {
    const { module, send, runs } = wrapped(() => new Response("run"), POLICY)
    await module.put(AT, new Response("warm"))
    expect(await (await send()).text()).toBe("warm")
    expect(runs()).toBe(0)
  })

  test("does not answer HEAD with a body, and a response to HEAD is not stored", async () => {
    const { module, send, runs } = wrapped(() => new Response(null, { headers: HEADERS }), POLICY)
    const head = new Request(AT, { method: "HEAD" })
    for (let call = 1; call <= 2; call++)
      expect(cacheStatusOf(await send(head))).toBe("fwd=uri-miss; fwd-status=200")
    expect(runs()).toBe(2)
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await module.match(head)).toBeUndefined()
  })
})

test("a response that is not stored reaches its client unchanged except for Cache-Status", async () => {
  const headers = new Headers({
    "x-a": "1",
    "cache-control": "private",
    "transfer-encoding": "chunked",
  })
  for (const cookie of ["a=1; Path=/", "b=2"]) headers.append("set-cookie", cookie)
  const { module, send } = wrapped(
    () => new Response("own", { status: 402, statusText: "Pay First", headers }),
    POLICY,
  )
  const response = await send()
  expect([response.status, response.statusText, await response.text()]).toEqual([
    402,
    "Pay First",
    "own",
  ])
  expect([...response.headers]).toEqual([
    ["cache-control", "private"],
    ["cache-status", `${module.identity}; fwd=uri-miss; fwd-status=402; detail=private`],
    ["content-type", "text/plain;charset=UTF-8"],
    ["set-cookie", "a=1; Path=/"],
    ["set-cookie", "b=2"],
    ["transfer-encoding", "chunked"],
    ["x-a", "1"],
  ])
})

test("a redirect is stored like any other response", async () => {
  const { send, runs } = wrapped(() => Response.redirect("https://other.example/", 308), POLICY)
  await send()
  await waitUntilIdle()
  const response = await send()
  expect([response.status, response.headers.get("location"), response.body]).toEqual([
    308,
    "https://other.example/",
    null,
  ])
  expect([cacheStatusOf(response), runs()]).toEqual(["hit; ttl=60", 1])
})
