import { type ProxyOptions, refusingUpstream, uncached, withProxy } from "../helpers/proxy"
import { HOST, type RawResponse, requestBytes } from "../helpers/raw-client"
import { type Answer, answer, type Exchange, gate } from "../helpers/scripted-origin"

const BARE = { cache: uncached }
/** undici's timers have a resolution of one second, so a shorter timeout has no effect. */
const SHORT_MS = 1

function expectRefusal(response: RawResponse, start: string, text: string): void {
  expect([response.head.start, response.text, response.isComplete]).toEqual([start, text, true])
  const names = ["content-type", "cache-control", "content-length"]
  expect(names.map((name) => response.get(name))).toEqual([
    "text/plain; charset=utf-8",
    "no-store",
    String(text.length),
  ])
}

describe("an upstream that does not answer", () => {
  test("that cannot be reached causes a 502, and the connection stays open", async () => {
    await withProxy(
      async ({ proxy }) => {
        const client = await proxy.connect()
        for (const target of ["/a", "/b"]) {
          client.send({ method: "POST", target, body: "content that is not read" })
          expectRefusal(await client.response(), "HTTP/1.1 502 Bad Gateway", "502 Bad Gateway\n")
        }
        expect(proxy.reports).toEqual([
          expect.stringMatching(/^POST \/a: connect ECONNREFUSED /),
          expect.stringMatching(/^POST \/b: connect ECONNREFUSED /),
        ])
      },
      { upstream: await refusingUpstream() },
    )
  })

  test.each<[string, Answer]>([
    ["ends the connection", ({ end }) => end()],
    ["resets the connection", ({ reset }) => reset()],
    ["ends within the head", ({ end }) => end("HTTP/1.1 200 OK\r\nX-")],
    ["does not speak HTTP", ({ end }) => end("SSH-2.0-OpenSSH_9.6\r\n")],
    ["switches protocols", "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"],
    ["declares two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    [
      "uses a transfer coding that was not requested",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
    ["has a head without end", `HTTP/1.1 200 OK\r\n${"X-A: 1\r\n".repeat(10_000)}`],
    ["ends after an informational response", ({ end }) => end("HTTP/1.1 102 \r\n\r\n")],
  ])("that %s causes a 502", async (_name, step) => {
    for (const method of ["GET", "POST"]) {
      await withProxy(async ({ proxy, origin }) => {
        origin.script("/a", step)
        const response = await proxy.send({ method, target: "/a" })
        expectRefusal(response, "HTTP/1.1 502 Bad Gateway", "502 Bad Gateway\n")
        expect(proxy.reports).toHaveLength(1)
      })
    }
  })

  test("causes a 504 after the timeout, and its request is aborted", async () => {
    await withProxy(
      async ({ proxy, origin }) => {
        origin.script("/a", (exchange) => exchange.closedByPeer())
        const response = await proxy.get("/a")
        expectRefusal(response, "HTTP/1.1 504 Gateway Timeout", "504 Gateway Timeout\n")
        expect(proxy.reports).toEqual(["GET /a: Headers Timeout Error"])
      },
      { timeoutMs: SHORT_MS },
    )
  })

  test("causes an error without a body for HEAD", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", ({ end }) => end()).script("/b", answer({ body: "next" }))
      const client = await proxy.connect()
      const response = await client.send({ method: "HEAD", target: "/a" }).response("HEAD")
      expect([response.status, response.get("content-length")]).toEqual([502, "16"])
      expect((await client.send({ target: "/b" }).response()).text).toBe("next")
    })
  })

  test("lets the cache serve the stored response if it may", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const fields = { "Cache-Control": "max-age=0, stale-if-error=60" }
      origin.script("/a", [answer({ fields, body: "kept" }), ({ reset }) => reset()])
      const texts = [(await proxy.get("/a")).text, (await proxy.get("/a")).text]
      expect([texts, origin.requests("/a").length]).toEqual([["kept", "kept"], 2])
    })
  })
})

describe("an upstream that aborts within the body", () => {
  const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
  const breaks: [string, string, "end" | "reset"][] = [
    ["short of its length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none", "end"],
    ["by a reset short of its length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none", "reset"],
    ["before the last chunk", `${CHUNKED}3\r\none\r\n`, "end"],
    ["by a reset before the last chunk", `${CHUNKED}3\r\none\r\n`, "reset"],
    ["by a reset if its length is not declared", "HTTP/1.1 200 OK\r\n\r\none", "reset"],
    ["with a chunk that is none", `${CHUNKED}3\r\none\r\nxyz\r\n`, "end"],
  ]

  async function partial(
    options: ProxyOptions,
    version: string,
    text: string,
    ending: "end" | "reset",
  ) {
    let response: RawResponse | undefined
    await withProxy(async ({ proxy, origin }) => {
      const isRead = gate()
      const first = text.slice(0, text.indexOf("one") + 3)
      origin.script("/a", async (exchange) => {
        await exchange.write(first)
        await isRead.opened
        await exchange.write(text.slice(first.length))
        exchange[ending]()
      })
      const client = await proxy.connect()
      const head = await client.send(`GET /a HTTP/${version}\r\nHost: ${HOST}\r\n\r\n`).head()
      isRead.open()
      response = await client.readBody(head)
      expect(proxy.reports).toHaveLength(1)
    }, options)
    return response
  }

  test.each(breaks)("%s has the client's connection aborted", async (_name, text, ending) => {
    for (const options of [BARE, {}]) {
      const response = await partial(options, "1.1", text, ending)
      expect([response?.status, response?.isComplete]).toEqual([200, false])
    }
  })

  test.each(breaks)(
    "%s is visible to a client of HTTP/1.0 as well",
    async (_name, text, ending) => {
      const response = await partial(BARE, "1.0", text, ending)
      expect([response?.status, response?.isComplete]).toEqual([200, false])
    },
  )

  test("has the bytes before that forwarded", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const isRead = gate()
      origin.script("/a", async ({ write, end }) => {
        await write(`${CHUNKED}3\r\none\r\n`)
        await isRead.opened
        end()
      })
      const client = await proxy.connect()
      await client.send({ target: "/a" }).head()
      expect(await client.bytes(8)).toBe("3\r\none\r\n")
      isRead.open()
      expect(await client.readToEnd()).toBe("")
    }, BARE)
  })
})

describe("a client that goes away", () => {
  test.each(["POST", "PURGE"])(
    "before the response to a %s aborts the upstream request",
    async (method) => {
      await withProxy(async ({ proxy, origin }) => {
        let closed: Promise<void> | undefined
        origin.script("/a", (exchange) => {
          closed = exchange.closedByPeer()
          return closed
        })
        const client = await proxy.connect()
        client.send({ method, target: "/a" })
        await origin.received("/a")
        client.close()
        await closed
        expect(proxy.reports).toEqual([])
      })
    },
  )

  test("within its content aborts the content", async () => {
    await withProxy(async ({ proxy, origin }) => {
      let seen: Promise<string> | undefined
      origin.script("/a", ({ request }) => {
        seen = request.body().then(String, (error) => error.constructor.name)
        return seen
      })
      const client = await proxy.connect()
      const fields = { "Content-Length": "9" }
      client.send(requestBytes({ method: "POST", target: "/a", fields, body: "one" }))
      await origin.received("/a")
      client.close()
      expect(await seen).toBe("EndOfConnection")
    })
  })

  test.each([
    ["a GET", "GET", BARE],
    ["a GET through the cache", "GET", {}],
    ["a POST", "POST", {}],
  ])(
    "within the body of %s, even an idle one, aborts the upstream request",
    async (_name, method, options) => {
      await withProxy(async ({ proxy, origin }) => {
        let closed: Promise<void> | undefined
        origin.script("/a", async (exchange) => {
          closed = exchange.closedByPeer()
          await exchange.write(
            "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 9\r\n\r\none",
          )
          await closed
        })
        const client = await proxy.connect()
        await client.send({ method, target: "/a" }).head()
        expect(await client.bytes(3)).toBe("one")
        client.close()
        await closed
        expect(proxy.reports).toEqual([])
      }, options)
    },
  )

  test("before its pipelined responses aborts their upstream requests", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const closed: Promise<void>[] = []
      const step = async (exchange: Exchange) => {
        await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none")
        const isClosed = exchange.closedByPeer()
        closed.push(isClosed)
        await isClosed
      }
      const client = await proxy.connect()
      const targets = Array.from({ length: 12 }, (_, n) => `/${n}`)
      for (const target of targets) origin.script(target, step)
      for (const target of targets) client.send({ target })
      for (const target of targets) await origin.received(target)
      await client.head()
      client.close()
      await Promise.all(closed)
      expect([closed.length, proxy.reports]).toEqual([12, []])
    }, BARE)
  })
})
