import type { CacheHandler } from "@layeron/modules"
import { errorOf, freshCache, get, url } from "../helpers/cache"
import { httpDate, stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  endTest,
  outcomeSoFar,
  PATH,
  TTL,
  type Wrapped,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const OPTIONS = { ttlSeconds: TTL }
const MODIFIED = httpDate(-3600)
/** Header fields of a request that refer to one representation. */
const CONDITIONS = {
  "if-none-match": '"mine"',
  "if-modified-since": httpDate(-60),
  "if-range": '"mine"',
}

function receivedRequest(wrapper: Wrapped, run = 1): Request {
  expect(wrapper.received).toHaveLength(run)
  return wrapper.received[run - 1] as Request
}

test("further arguments reach the handler, in the background too", async () => {
  const calls: unknown[][] = []
  const handler: CacheHandler<[string, { readonly id: number }]> = (_, ...rest) => {
    calls.push(rest)
    return new Response("x")
  }
  const options = { ttlSeconds: TTL, staleWhileRevalidateSeconds: 60 }
  const fetch = freshCache().wrap(handler, options)
  const context = { id: 1 }
  await (await fetch(get(PATH), "a", context)).text()
  await advanceSeconds(TTL)
  await fetch(get(PATH), "b", context)
  await waitUntilIdle()
  expect(calls).toEqual([
    ["a", context],
    ["b", context],
  ])
  expect(calls[1]?.[1]).toBe(context)
})

describe("the handler of a shared run gets a request", () => {
  test("of its own, with the URL, the method and the headers of the first caller's", async () => {
    const wrapper = wrapped(() => new Response("x"), OPTIONS)
    const request = get(`${PATH}?b=2&a=1`, { accept: "text/html", "x-a": "1", cookie: "a=b" })
    await wrapper.send(request)
    const received = receivedRequest(wrapper)
    expect(received).not.toBe(request)
    expect(received).toBeInstanceOf(Request)
    expect([received.method, received.url, received.redirect]).toEqual([
      "GET",
      request.url,
      request.redirect,
    ])
    expect([...received.headers]).toEqual([...request.headers])
  })

  test("without the conditions of the leader, which gets the complete response", async () => {
    const wrapper = wrapped(() => new Response("x", { headers: { etag: '"v1"' } }), OPTIONS)
    const response = await wrapper.send(get(PATH, { ...CONDITIONS, accept: "*/*" }))
    expect([...receivedRequest(wrapper).headers]).toEqual([["accept", "*/*"]])
    expect([response.status, await response.text()]).toEqual([200, "x"])
  })

  test("which is not aborted with the client's while another request waits for the response", async () => {
    const client = new AbortController()
    const gate = deferred()
    const wrapper = wrapped(async () => {
      await gate.promise
      return new Response("x")
    }, OPTIONS)
    const abortedCall = errorOf(() => wrapper.send(new Request(AT, { signal: client.signal })))
    const waiter = wrapper.send()
    client.abort()
    expect((await abortedCall).name).toBe("AbortError")
    expect(receivedRequest(wrapper).signal.aborted).toBe(false)
    gate.resolve()
    expect(await (await waiter).text()).toBe("x")
    expect((await wrapper.module.match(AT))?.status).toBe(200)
  })

  test("with the redirect mode of the client's", async () => {
    const wrapper = wrapped(() => new Response("x"), OPTIONS)
    await wrapper.send(new Request(AT, { redirect: "manual" }))
    expect(receivedRequest(wrapper).redirect).toBe("manual")
  })

  test.each<[string, Record<string, string>, Record<string, string>]>([
    ["entity tag", { etag: 'W/"v1"' }, { "if-none-match": 'W/"v1"' }],
    ["modification date", { "last-modified": MODIFIED }, { "if-modified-since": MODIFIED }],
    [
      "entity tag and modification date",
      { etag: '"v1"', "last-modified": MODIFIED },
      { "if-none-match": '"v1"', "if-modified-since": MODIFIED },
    ],
  ])(
    "with the %s of the stored response, instead of the client's",
    async (_, validators, added) => {
      const wrapper = wrapped(() => new Response("x", { headers: validators }), OPTIONS)
      await (await wrapper.send()).text()
      await advanceSeconds(TTL)
      await wrapper.send(get(PATH, { ...CONDITIONS, range: "bytes=0-0", "x-a": "1" }))
      expect(Object.fromEntries(receivedRequest(wrapper, 2).headers)).toEqual({
        ...added,
        "x-a": "1",
      })
    },
  )

  test("without conditions if the stored response has no validator", async () => {
    const wrapper = wrapped(() => new Response("x"), OPTIONS)
    await (await wrapper.send()).text()
    await advanceSeconds(TTL)
    await wrapper.send(get(PATH, CONDITIONS))
    expect([...receivedRequest(wrapper, 2).headers]).toEqual([])
  })

  test("with the client's body, if a rule lets responses to its method be stored", async () => {
    const rules = [{ methods: ["GET", "POST"] }]
    const wrapper = wrapped(async (request) => new Response(await request.text()), OPTIONS, {
      rules,
    })
    const request = new Request(AT, { method: "POST", body: "question" })
    expect(await (await wrapper.send(request)).text()).toBe("question")
    expect(receivedRequest(wrapper).method).toBe("POST")
  })
})

describe("if a rule lets responses to a method with a body be stored,", () => {
  const rules = [{ methods: ["GET", "POST"] }]
  const post = (body = "question") => new Request(AT, { method: "POST", body })

  test("a request whose body has been read fails alone, and blocks no other request", async () => {
    const wrapper = wrapped(async (request) => new Response(await request.text()), OPTIONS, {
      rules,
    })
    const used = post()
    await used.text()
    expect((await errorOf(() => wrapper.send(used))).name).toBe("TypeError")
    expect(await outcomeSoFar(wrapper.send(post()), (response) => response.text())).toBe("question")
  })

  test("a run has no conditions, which a method with a body cannot use", async () => {
    const wrapper = wrapped(
      async (request, run) => {
        const condition = request.headers.get("if-none-match")
        return new Response(`${await request.text()} ${run} ${condition}`, {
          headers: { etag: '"v1"' },
        })
      },
      OPTIONS,
      { rules },
    )
    expect(await (await wrapper.send(post("first"))).text()).toBe("first 1 null")
    await advanceSeconds(TTL)
    expect(await outcomeSoFar(wrapper.send(post("second")), (response) => response.text())).toBe(
      "second 2 null",
    )
  })
})

describe("the handler gets the caller's own request object", () => {
  test.each<[string, RequestInit]>([
    ["POST", { method: "POST", body: "x", headers: { ...CONDITIONS, range: "bytes=0-0" } }],
    ["PUT", { method: "PUT", body: "x" }],
    ["DELETE", { method: "DELETE" }],
    ["OPTIONS", { method: "OPTIONS" }],
    ["GET that a rule makes skip the cache", { headers: { "x-preview": "1", ...CONDITIONS } }],
    ["HEAD of what is not stored", { method: "HEAD", headers: CONDITIONS }],
    ["GET of a range of what is not stored", { headers: { range: "bytes=0-0", ...CONDITIONS } }],
  ])("%s", async (_, init) => {
    const rules = [{ bypass: { headers: ["x-preview"] } }]
    const wrapper = wrapped(() => new Response("x"), OPTIONS, { rules })
    const request = new Request(AT, init)
    const headers = [...request.headers]
    await wrapper.send(request)
    expect(receivedRequest(wrapper)).toBe(request)
    expect([...request.headers]).toEqual(headers)
    expect(request.bodyUsed).toBe(false)
  })

  test("after a response has turned out to be uncacheable", async () => {
    const wrapper = wrapped(
      () => new Response("x", { headers: { "cache-control": "private" } }),
      OPTIONS,
    )
    await wrapper.send()
    const request = get(PATH, CONDITIONS)
    await wrapper.send(request)
    expect(receivedRequest(wrapper, 2)).toBe(request)
  })
})

test("a request of another realm is accepted", async () => {
  const wrapper = wrapped(() => new Response("x"), OPTIONS)
  const headers = new Headers({ accept: "text/html" })
  const request = { method: "GET", url: url(PATH), headers } as unknown as Request
  expect(await (await wrapper.send(request)).text()).toBe("x")
  expect(receivedRequest(wrapper).headers.get("accept")).toBe("text/html")
  expect(await (await wrapper.send(request)).text()).toBe("x")
  expect(wrapper.runs()).toBe(1)
})

test("neither a fragment nor the order of query parameters changes the entry", async () => {
  const wrapper = wrapped(() => new Response("x"), OPTIONS)
  await (await wrapper.send(get(`${PATH}?b=2&a=1#top`))).text()
  await (await wrapper.send(get(`${PATH}?a=1&b=2`))).text()
  expect(wrapper.runs()).toBe(1)
})

describe("covers()", () => {
  const module = freshCache({ rules: [{ path: "/w/:id" }, { path: "/p/*", methods: ["QUERY"] }] })

  test.each<[boolean, string, Request | URL | string]>([
    [true, "a path of a rule", AT],
    [true, "the URL of one", new URL(AT)],
    [true, "HEAD of one", new Request(AT, { method: "HEAD" })],
    [true, "a method that changes something there", new Request(AT, { method: "DELETE" })],
    [
      false,
      "a method that changes nothing and is not listed",
      new Request(AT, { method: "OPTIONS" }),
    ],
    [false, "another path", url("/x")],
    [false, "another method than the rule lists", url("/p/1")],
    [true, "the method that the rule lists", new Request(url("/p/1"), { method: "QUERY" })],
    [false, "an unsafe method if GET is not covered", new Request(url("/p/1"), { method: "PUT" })],
  ])("returns %p for %s", (expected, _, request) => {
    expect(module.covers(request)).toBe(expected)
  })
})
