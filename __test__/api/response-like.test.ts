/**
 * Requests and responses of other libraries: the cache accepts equivalent ones and refuses others
 * with a code, but never stores a part.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Readable } from "node:stream"
import type { CacheRequest } from "@layeron/modules"
import nodeFetch from "node-fetch"
import { BindingCache } from "../../native.js"
import { bodyOf, errorOf, forbidden, freshCache, mustMatch, refusals, url } from "../helpers/cache"
import { expectRefused, moduleWithEntry } from "../helpers/refusals"
import { controlledStream, streamOf } from "../helpers/streams"

afterEach(() => jest.restoreAllMocks())

const A = url("/a")

/** Creates a response of another library, with these members replaced. */
function responseLike(members: object = {}): Response {
  const own = { status: 200, statusText: "", bodyUsed: false, headers: new Headers(), body: null }
  return forbidden<Response>({ ...own, ...members })
}

/**
 * Counts the drafts that the addon has created, and those that were stored, refused or abandoned.
 */
function countDrafts(): { created(): number; ended(): number } {
  const [draft, append, put, abandon] = (["draft", "append", "put", "abandon"] as const).map(
    (name) => jest.spyOn(BindingCache.prototype, name as "put"),
  ) as [jest.SpyInstance, jest.SpyInstance, jest.SpyInstance, jest.SpyInstance]
  const refused = () => append.mock.results.filter(({ value }) => value < 0).length
  return {
    created: () => draft.mock.results.filter(({ value }) => value >= 0).length,
    ended: () => put.mock.calls.length + abandon.mock.calls.length + refused(),
  }
}

/** Creates the `Headers` of another library. */
function headersLike(...pairs: readonly unknown[]): Headers {
  const get = (wanted: string) =>
    (pairs as string[][]).find(([name]) => name === wanted)?.[1] ?? null
  return forbidden<Headers>({ get, [Symbol.iterator]: () => pairs[Symbol.iterator]() })
}

describe("a response-like object is refused before a draft is created if", () => {
  test.each<[string, object]>([
    ["its body is an object", { body: {} }],
    ["its body is a string", { body: "body" }],
    ["its body is bytes", { body: new Uint8Array(1) }],
    [
      "its body is a generator, which does not tell whether it was read",
      { body: (async function* () {})() },
    ],
    ["its body is a function", { body: () => {} }],
    ["its status is 65736", { status: 65_736 }],
    ["its status is 1000", { status: 1_000 }],
    ["its status is 99", { status: 99 }],
    ["its status is negative", { status: -1 }],
    ["its status is a fraction", { status: 200.5 }],
    ["its status is NaN", { status: Number.NaN }],
    ["its status is a string", { status: "200" }],
    ["its statusText has a line feed", { statusText: "OK\nx-a: 1" }],
    ["its statusText has a carriage return", { statusText: "OK\rx-a: 1" }],
    ["its statusText has a null", { statusText: "OK\0" }],
    ["its statusText is beyond Latin-1", { statusText: "\u2603" }],
    ["a header name has a line feed", { headers: headersLike(["a\nb", "1"]) }],
    ["a header name has a colon", { headers: headersLike(["a:b", "1"]) }],
    ["a header name is empty", { headers: headersLike(["", "1"]) }],
    ["a header name is no ASCII", { headers: headersLike(["\u00e9", "1"]) }],
    ["a header name is a Symbol", { headers: headersLike([Symbol("a"), "1"]) }],
    ["a header value has a line feed", { headers: headersLike(["a", "1\nb:2"]) }],
    ["a header value has a carriage return", { headers: headersLike(["a", "1\rb:2"]) }],
    ["a header value is beyond Latin-1", { headers: headersLike(["a", "\u2603"]) }],
    ["a header is no pair", { headers: headersLike(["a"]) }],
    ["a header is no list", { headers: headersLike(1) }],
    ["it has but the prototype of a Response", Object.create(Response.prototype)],
    ["its headers cannot be iterated", { headers: { get: () => null, [Symbol.iterator]: 1 } }],
  ])("%s", async (_, members) => {
    const { module, expectUnchanged } = await moduleWithEntry()
    const drafts = countDrafts()
    await expectRefused(
      () => module.put(A, members instanceof Response ? members : responseLike(members)),
      "put() response",
      "LAYERON_INVALID_RESPONSE",
    )
    expect(drafts.created()).toBe(0)
    await expectUnchanged()
  })
})

describe("a draft is released if", () => {
  const thrown = Object.create(null)
  test.each<[string, object]>([
    [
      "getReader throws",
      {
        getReader: () => {
          throw thrown
        },
      },
    ],
    [
      "read throws",
      {
        getReader: () => ({
          read: () => {
            throw thrown
          },
          cancel: () => {},
        }),
      },
    ],
    [
      "read rejects",
      {
        getReader: () => ({ read: () => Promise.reject(thrown), cancel: () => Promise.resolve() }),
      },
    ],
    [
      "read rejects and cancel throws",
      {
        getReader: () => ({
          read: () => Promise.reject(thrown),
          cancel: () => {
            throw new Error("not this one")
          },
        }),
      },
    ],
    [
      "read rejects and cancel rejects",
      {
        getReader: () => ({
          read: () => Promise.reject(thrown),
          cancel: () => Promise.reject(new Error("nor this")),
        }),
      },
    ],
  ])("%s, and the put rejects with the thrown value", async (_, body) => {
    const module = freshCache()
    const drafts = countDrafts()
    const outcome = module.put(A, responseLike({ body: { locked: false, ...body } }))
    expect(
      await outcome.then(
        () => "stored",
        (error) => error === thrown,
      ),
    ).toBe(true)
    expect([drafts.created(), drafts.ended()]).toEqual([1, 1])
  })

  test.each([
    ["no reader", { getReader: () => ({}) }],
    [
      "results that are none",
      { getReader: () => ({ read: async () => undefined, cancel: () => {} }) },
    ],
    [
      "chunks that are no bytes",
      { getReader: () => ({ read: async () => ({ done: false, value: "a" }), cancel: () => {} }) },
    ],
  ])("a stream gives %s, and the put rejects with a TypeError", async (_, body) => {
    const module = freshCache()
    const drafts = countDrafts()
    expect(await errorOf(() => module.put(A, responseLike({ body })))).toBeInstanceOf(TypeError)
    expect([drafts.created(), drafts.ended()]).toEqual([1, 1])
    expect(await module.match(A)).toBeUndefined()
  })

  test("the cache is closed while the body is read", async () => {
    const module = freshCache()
    const drafts = countDrafts()
    const body = controlledStream()
    const put = module.put(A, new Response(body.stream))
    await module.close()
    body.end()
    expect((await errorOf(() => put)).code).toBe("LAYERON_CLOSED")
    expect([drafts.created(), drafts.ended()]).toEqual([1, 1])
  })
})

test.each<[string, unknown]>([
  ["undefined", undefined],
  ["null", null],
  ["a string", "broken"],
  ["a Symbol", Symbol("broken")],
  ["an object without prototype", Object.create(null)],
  ["an object that cannot be shown", { toString: () => ({}) }],
  [
    "an error without message",
    Object.assign(new Error("a"), { message: { toString: () => ({}) } }),
  ],
  ["a function", () => {}],
])("a body that fails with %s rejects the put with the same value", async (_, value) => {
  const module = freshCache({ observability: { sink: () => {} } })
  const failing = new ReadableStream({ pull: (controller) => controller.error(value) })
  const outcome = await module.put(A, new Response(failing)).then(
    () => ({ stored: true }),
    (error) => ({ error }),
  )
  expect(Object.is((outcome as { error: unknown }).error, value)).toBe(true)
  expect(await module.match(A)).toBeUndefined()
})

describe("a response whose body is a stream of Node", () => {
  test("is stored whole, and can be put once", async () => {
    const module = freshCache()
    const response = responseLike({ body: Readable.from([Buffer.from("a"), Buffer.from("b")]) })
    const [first, second] = await Promise.allSettled([
      module.put(A, response),
      module.put(A, response),
    ])
    expect(first).toMatchObject({ status: "fulfilled" })
    expect(second).toMatchObject({
      status: "rejected",
      reason: { code: "LAYERON_INVALID_RESPONSE" },
    })
    expect(await bodyOf(module, A)).toBe("ab")
    expect((await errorOf(() => module.put(A, response))).code).toBe("LAYERON_INVALID_RESPONSE")
    expect(await bodyOf(module, A)).toBe("ab")
  })

  test("is refused if a part of it was read", async () => {
    const module = freshCache()
    const body = Readable.from([Buffer.from("a"), Buffer.from("b")])
    for await (const _ of body) break
    expect((await errorOf(() => module.put(A, responseLike({ body })))).code).toBe(
      "LAYERON_INVALID_RESPONSE",
    )
  })

  test("rejects the put with its own error", async () => {
    const module = freshCache()
    const error = new Error("broken")
    const body = new Readable({ read: () => void body.destroy(error) })
    expect(await errorOf(() => module.put(A, responseLike({ body })))).toBe(error)
  })

  test("is refused if it yields strings, and released if it is too large", async () => {
    const module = freshCache({ storage: { memory: { maxBytes: 20_000 } } })
    const text = Readable.from(["a"])
    expect((await errorOf(() => module.put(A, responseLike({ body: text })))).code).toBe(
      "LAYERON_INVALID_RESPONSE",
    )
    const large = new Readable({ read: () => void large.push(Buffer.alloc(10_000)) })
    await module.put(A, responseLike({ body: large }))
    expect(await refusals(module)).toEqual({ "too-large": 1 })
    expect(large.destroyed).toBe(true)
  })

  test("is destroyed if the response is not stored", async () => {
    const module = freshCache()
    const body = new Readable({ read: () => {} })
    await module.put(
      A,
      responseLike({ body, headers: new Headers({ "cache-control": "no-store" }) }),
    )
    expect(body.destroyed).toBe(true)
  })
})

describe("a response of node-fetch", () => {
  let server: Server
  let origin: string

  beforeAll(async () => {
    server = createServer((_, response) => {
      response.setHeader("X-A", ["1", "2"])
      response.end("of node-fetch")
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  const fetched = async () =>
    forbidden<Response & { buffer(): Promise<Buffer> }>(await nodeFetch(origin))

  test("is stored, and its clone can be read", async () => {
    const module = freshCache()
    const response = await fetched()
    const put = module.put(A, response.clone())
    expect(await response.text()).toBe("of node-fetch")
    await put
    const hit = await mustMatch(module, A)
    expect([hit.headers.get("x-a"), await hit.text()]).toEqual(["1, 2", "of node-fetch"])
  })

  test("is refused if it was read", async () => {
    const module = freshCache()
    const response = await fetched()
    await response.text()
    expect((await errorOf(() => module.put(A, response))).code).toBe("LAYERON_INVALID_RESPONSE")
  })

  test("may be returned by a wrapped handler", async () => {
    const module = freshCache({ ttlSeconds: 60 })
    let runs = 0
    const handle = module.wrap(async () => {
      runs += 1
      return fetched()
    })
    for (let request = 0; request < 2; request++) {
      expect(await (await handle(new Request(A))).text()).toBe("of node-fetch")
    }
    expect(runs).toBe(1)
  })
})

describe("a response-like object", () => {
  test("is stored with its header names in lower case and its values trimmed", async () => {
    const module = freshCache()
    const headers = headersLike(["X-A", " 1 "], ["Vary", "Accept"], ["x-a", "2"])
    await module.put(A, responseLike({ headers, body: streamOf(["a"]), status: 999 }))
    const hit = await mustMatch(module, A)
    expect([hit.status, [...hit.headers].filter(([name]) => /^x-|vary/.test(name))]).toEqual([
      999,
      [
        ["vary", "Accept"],
        ["x-a", "1, 2"],
      ],
    ])
  })

  test("of a status below 200 is not stored, as documented", async () => {
    const module = freshCache()
    for (const status of [0, 100, 199]) await module.put(A, responseLike({ status }))
    expect(await refusals(module)).toEqual({ status: 3 })
  })
})

describe("a request-like object", () => {
  const requestLike = (members: object): CacheRequest =>
    forbidden({ method: "GET", url: A, headers: new Headers(), ...members })
  const calls: readonly (readonly [
    string,
    (module: ReturnType<typeof freshCache>, request: CacheRequest) => unknown,
  ])[] = [
    ["key", (module, request) => module.key(request)],
    ["match", (module, request) => module.match(request)],
    ["put", (module, request) => module.put(request, new Response("a"))],
    ["delete", (module, request) => module.delete(request)],
    ["explain", (module, request) => module.explain(request)],
  ]
  const rows = calls.flatMap(([name, call]) =>
    (
      [
        ["a line feed in its method", { method: "GET\nx" }],
        ["an empty method", { method: "" }],
        ["a relative URL", { url: "/a" }],
        ["a line feed in a header", { headers: { get: () => "a\nb" } }],
        ["a carriage return in a header", { headers: { get: () => "a\rb" } }],
        ["a null in a header", { headers: { get: () => "a\0b" } }],
        ["a number as a header", { headers: { get: () => 1 } }],
        ["a Symbol as a header", { headers: { get: () => Symbol("a") } }],
      ] as const
    ).map(([what, members]) => [name, what, call, members] as const),
  )

  test.each(rows)("of %s with %s is refused with a code", async (name, _, call, members) => {
    const module = freshCache({ vary: ["x-a"] })
    await expectRefused(
      () => call(module, requestLike(members)),
      `${name}() request`,
      "LAYERON_INVALID_REQUEST",
    )
  })

  test("may have a Map as its headers", async () => {
    const module = freshCache({ vary: ["x-a", "x-b"] })
    const request = requestLike({ headers: new Map([["x-a", "1"]]) })
    await module.put(request, new Response("a"))
    expect(await bodyOf(module, new Request(A, { headers: { "x-a": "1" } }))).toBe("a")
    expect(await module.delete(request)).toBe(true)
  })

  test("with line feeds in its URL has the key of the URL without them", () => {
    const module = freshCache()
    expect(module.key(requestLike({ url: `${A}\n\n?b` }))).toBe(module.key(`${A}?b`))
  })
})

test("a reader without read() is refused", async () => {
  const { module, expectUnchanged } = await moduleWithEntry()
  const drafts = countDrafts()
  const response = responseLike({ body: { locked: false, getReader: () => 5 } })
  await expectRefused(
    () => module.put(A, response),
    "the reader of a body",
    "LAYERON_INVALID_RESPONSE",
  )
  expect(drafts.ended()).toBe(drafts.created())
  await expectUnchanged()
})

test.each([204, 205])(
  "put takes a %d with a length and a stream, and stores no body",
  async (status) => {
    const module = freshCache({ ttlSeconds: 60 })
    const headers = new Headers({ "content-length": "5" })
    await module.put(A, responseLike({ status, headers, body: streamOf(["hello"]) }))
    const stored = await mustMatch(module, A)
    expect([stored.status, stored.body]).toEqual([status, null])
  },
)

test.each([204, 205, 304])("a stream of a %d is not stored as its body", async (status) => {
  const module = freshCache({ ttlSeconds: 60 })
  const wrapped = module.wrap(() => responseLike({ status, body: streamOf(["hi"]) }), {
    ttlSeconds: 60,
  })
  const answers = [await wrapped(new Request(A)), await wrapped(new Request(A))]
  expect(answers.map((answer) => [answer.status, answer.body])).toEqual([
    [status, null],
    [status, null],
  ])
})
