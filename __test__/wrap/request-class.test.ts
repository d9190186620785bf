import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import { bodyOf, freshCache, get, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  endTest,
  PATH,
  POLICY,
  TTL,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(() => jest.useRealTimers())

const STATE = Symbol("state")

/** Extends `Request` as frameworks do: state under a symbol, behind getters. */
class AppRequest extends Request {
  readonly [STATE]: { nextUrl: URL }
  readonly params = { id: "7" }

  constructor(input: string | Request, init?: RequestInit) {
    super(input, init)
    this[STATE] = { nextUrl: new URL(this.url) }
  }

  get nextUrl(): URL {
    return this[STATE].nextUrl
  }

  greet(): string {
    return `hello from ${this.nextUrl.pathname}`
  }
}

/** A subclass with its own constructor, whose headers include a secret. */
class PickyRequest extends Request {
  readonly #secret: string

  constructor(secret: string, at: string) {
    super(at)
    if (secret.length === 0) throw new TypeError("a secret is needed")
    this.#secret = secret
  }

  get secret(): string {
    return this.#secret
  }
}

Object.defineProperty(PickyRequest.prototype, "headers", {
  get(this: PickyRequest) {
    return new Headers({ "x-secret": this.secret })
  },
})

describe("a handler gets a request of the caller's class,", () => {
  test("with its prototype, getters, methods and own properties", async () => {
    const seen: unknown[] = []
    const { send } = wrapped((request) => {
      const appRequest = request as AppRequest
      seen.push(
        appRequest instanceof AppRequest,
        appRequest.nextUrl.href,
        appRequest.params,
        appRequest.greet(),
      )
      return new Response("x")
    }, POLICY)
    const request = new AppRequest(AT, { headers: { "x-a": "1" } })
    await (await send(request)).text()
    expect(seen).toEqual([true, AT, { id: "7" }, `hello from ${PATH}`])
  })

  test("whose headers are without the conditions of one client, and whose signal is its own", async () => {
    const { send, received } = wrapped(() => new Response("x"), POLICY)
    const request = new AppRequest(AT, { headers: { "if-none-match": '"a"', "x-a": "1" } })
    await (await send(request)).text()
    expect([...(received[0] as Request).headers]).toEqual([["x-a", "1"]])
    expect(received[0]?.signal).not.toBe(request.signal)
  })

  test("which the platform accepts as a request", async () => {
    const { send } = wrapped(async (request) => {
      const copy = new Request(request, { headers: { "x-b": "2" } })
      return new Response(`${copy.url} ${copy.headers.get("x-b")} ${request.clone().method}`)
    }, POLICY)
    expect(await (await send(new AppRequest(AT))).text()).toBe(`${AT} 2 GET`)
  })

  test("in the background, and for a HEAD, as well", async () => {
    const { send, received } = wrapped(() => new Response("x"), POLICY)
    await (await send(new AppRequest(AT))).text()
    await advanceSeconds(TTL)
    await send(new AppRequest(AT, { method: "HEAD" }))
    await waitUntilIdle()
    const [, refresh] = received as AppRequest[]
    expect([refresh instanceof AppRequest, refresh?.method, refresh?.nextUrl.href]).toEqual([
      true,
      "GET",
      AT,
    ])
    await endTest()
  })

  test("even if the class uses private fields, which a copy cannot have", async () => {
    const { send, received } = wrapped(() => new Response("x"), POLICY)
    await (await send(new PickyRequest("s", AT))).text()
    const [copy] = received
    expect(copy).toBeInstanceOf(PickyRequest)
    expect([copy?.url, copy?.method, [...(copy?.headers ?? [])]]).toEqual([
      AT,
      "GET",
      [["x-secret", "s"]],
    ])
  })

  test("with the properties that were set on a plain request", async () => {
    const { send, received } = wrapped(() => new Response("x"), POLICY)
    await (await send(Object.assign(new Request(AT), { params: { id: 1 } }))).text()
    expect((received[0] as Request & { params?: unknown }).params).toEqual({ id: 1 })
  })

  test("and the caller's own object if the run is not shared", async () => {
    const { send, received } = wrapped(() => new Response("x"), POLICY)
    const request = new AppRequest(AT, { method: "POST" })
    await send(request)
    expect(received[0]).toBe(request)
  })
})

describe("tags, shouldStore and waitUntil", () => {
  test("are called with the arguments of the wrapped handler", async () => {
    const calls: Record<string, unknown[]> = {}
    const module = freshCache()
    const context = { params: { id: 7 } }
    const fetch = module.wrap((_: Request, __: typeof context, n: number) => new Response(`${n}`), {
      ...POLICY,
      tags: (request, response, user, n) => {
        calls.tags = [request, response instanceof Response, user, n]
        return [`n-${n}`]
      },
      shouldStore: (request, response, user, n) => {
        calls.shouldStore = [request, response instanceof Response, user, n]
        return true
      },
      waitUntil: (work, request, user, n) => {
        calls.waitUntil = [work instanceof Promise, request, user, n]
      },
    })
    const request = get(PATH)
    await (await fetch(request, context, 5)).text()
    expect(calls).toEqual({
      tags: [request, true, context, 5],
      shouldStore: [request, true, context, 5],
      waitUntil: [true, request, context, 5],
    })
    expect(calls.tags?.[0]).toBe(request)
    await advanceSeconds(TTL)
    const head = new Request(AT, { method: "HEAD" })
    await fetch(head, context, 6)
    await waitUntilIdle()
    expect([calls.tags?.[0], calls.waitUntil?.[1], calls.waitUntil?.[3]]).toEqual([head, head, 6])
    await endTest()
  })

  test("shouldStore keeps a response from the store and from every other client", async () => {
    const gates: (() => void)[] = []
    const wrapper = wrapped(
      async (_, run) => {
        if (run === 1) await new Promise<void>((resolve) => void gates.push(resolve))
        return new Response(`run ${run}`)
      },
      {
        ...POLICY,
        shouldStore: async (_, response) => (await response.clone().text()) !== "run 1",
      },
    )
    const calls = [wrapper.send(), wrapper.send()]
    await waitUntilIdle()
    gates[0]?.()
    expect(await Promise.all((await Promise.all(calls)).map((one) => one.text()))).toEqual([
      "run 1",
      "run 2",
    ])
    await waitUntilIdle()
    expect(await bodyOf(wrapper.module, AT)).toBe("run 2")
    expect((await wrapper.module.inspect()).refusedWrites["should-store"]).toBe(1)
    await endTest()
  })
})

describe("a response that fetch has decoded", () => {
  /** Runs `use` with an origin that sends the body in this content coding. */
  async function withOrigin(
    coding: string,
    use: (at: string) => Promise<void>,
    body = gzipSync("decoded"),
  ): Promise<void> {
    const server = createServer((_, response) => {
      response.writeHead(200, {
        "content-encoding": coding,
        "content-length": body.length,
        etag: '"v1"',
      })
      response.end(body)
    }).listen(0, "127.0.0.1")
    await new Promise((resolve) => server.once("listening", resolve))
    try {
      await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    } finally {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  }

  const fieldsOf = ({ headers }: Response) => [
    headers.get("content-encoding"),
    headers.get("content-length"),
  ]

  test("loses Content-Encoding and Content-Length for the client and in the store", async () => {
    jest.useRealTimers()
    await withOrigin("gzip", async (at) => {
      const { send, module } = wrapped((request) => fetch(at, { signal: request.signal }), POLICY)
      const response = await send()
      expect([fieldsOf(response), await response.text()]).toEqual([[null, null], "decoded"])
      const hit = (await module.match(AT)) as Response
      expect([fieldsOf(hit), hit.headers.get("etag"), await hit.text()]).toEqual([
        [null, null],
        '"v1"',
        "decoded",
      ])
    })
  })

  test("loses them by put and for a request that is not cached as well", async () => {
    jest.useRealTimers()
    await withOrigin("x-gzip", async (at) => {
      const module = freshCache()
      await module.put(url("/put"), await fetch(at))
      expect(fieldsOf((await module.match(url("/put"))) as Response)).toEqual([null, null])
      const { send } = wrapped(() => fetch(at), POLICY)
      expect(fieldsOf(await send(new Request(AT, { method: "POST" })))).toEqual([null, null])
    })
  })

  test("keeps them if fetch does not know the coding", async () => {
    jest.useRealTimers()
    const body = Buffer.from("as it is")
    await withOrigin(
      "x-unknown",
      async (at) => {
        const { send } = wrapped(() => fetch(at), POLICY)
        const response = await send()
        expect([fieldsOf(response), await response.text()]).toEqual([
          ["x-unknown", "8"],
          "as it is",
        ])
      },
      body,
    )
  })

  test("keeps them if the handler has encoded the body itself", async () => {
    jest.useRealTimers()
    const body = gzipSync("encoded")
    const { send } = wrapped(
      () =>
        new Response(body, {
          headers: { "content-encoding": "gzip", "content-length": `${body.length}` },
        }),
      POLICY,
    )
    const response = await send()
    expect(fieldsOf(response)).toEqual(["gzip", `${body.length}`])
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
  })
})
