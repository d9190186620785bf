import { METHODS } from "node:http"
import { BULK_BYTES, BulkWriter } from "../helpers/bulk-writer"
import { refusingUpstream, withProxy } from "../helpers/proxy"
import { HOST, requestBytes } from "../helpers/raw-client"
import { answer, gate } from "../helpers/scripted-origin"

const FRESH = { "Cache-Control": "max-age=60" }

/** Returns the header lines of a request, names in lower case, sorted. */
function fieldsOf(
  request: { fields: readonly (readonly [string, string])[] } | undefined,
): string[] {
  return request!.fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort()
}

describe("methods", () => {
  test.each(METHODS.filter((method) => method !== "CONNECT"))("%s is forwarded", async (method) => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer({ status: 200, reason: "Fine", fields: { "x-a": "1" } }))
      const response = await proxy.send({ method, target: "/a" })
      expect([response.head.start, response.get("x-a")]).toEqual(["HTTP/1.1 200 Fine", "1"])
      expect(origin.requests().map(({ start }) => start)).toEqual([`${method} /a HTTP/1.1`])
    })
  })

  test("CONNECT is refused and closes the connection", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const client = await proxy.connect()
      client.send("CONNECT shop.example:443 HTTP/1.1\r\nHost: shop.example:443\r\n\r\n")
      const response = await client.response()
      expect([response.status, response.body.length]).toEqual([501, 0])
      expect(await client.readToEnd()).toBe("")
      expect(origin.requests()).toEqual([])
    })
  })

  test("OPTIONS * is answered by the proxy itself", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const response = await proxy.send({ method: "OPTIONS", target: "*" })
      expect([response.status, response.get("content-length")]).toEqual([200, "0"])
      expect(origin.requests()).toEqual([])
    })
  })

  test.each(["OPTIONS", "TRACE"])("Max-Forwards of %s is counted down", async (method) => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", [answer(), answer(), answer()])
      for (const maxForwards of ["1", "18446744073709551617", "soon"]) {
        await proxy.send({ method, target: "/a", fields: { "Max-Forwards": maxForwards } })
      }
      const seen = origin.requests("/a").map((request) => request.get("max-forwards"))
      expect(seen).toEqual(["0", "18446744073709551616", "soon"])
    })
  })

  test("OPTIONS with Max-Forwards: 0 is not forwarded", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const fields = { "Max-Forwards": "0" }
      const response = await proxy.send({ method: "OPTIONS", target: "/a", fields })
      expect([response.status, response.text]).toEqual([200, ""])
      expect(origin.requests()).toEqual([])
    })
  })

  test("TRACE with Max-Forwards: 0 is answered with the request as received, without secrets", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const fields = {
        "Max-Forwards": "0",
        "X-A": ["1", "\xe9"],
        Cookie: "a=b",
        Authorization: "Basic YTpi",
      }
      const response = await proxy.send({ method: "TRACE", target: "/a?b", fields })
      expect([response.status, response.get("content-type")]).toEqual([200, "message/http"])
      const left = `TRACE /a?b HTTP/1.1\r\nHost: ${HOST}\r\nMax-Forwards: 0\r\nX-A: 1\r\nX-A: \xe9\r\n\r\n`
      expect(response.text).toBe(left)
      expect(origin.requests()).toEqual([])
    })
  })

  test("Max-Forwards of other methods is forwarded unchanged", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer())
      expect((await proxy.get("/a", { "Max-Forwards": "0" })).status).toBe(200)
      expect(origin.requests()[0]?.get("max-forwards")).toBe("0")
    })
  })
})

describe("request fields", () => {
  test("the origin gets the client's fields, and those of the proxy", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer())
      const fields = {
        "X-Unknown": "one",
        "X-Repeated": ["1", "2, 3"],
        "X-Empty": "",
        "X-Bytes": "caf\xe9 \xc3\xa9",
        Cookie: ["a=1", "b=2"],
        "Accept-Encoding": "br, gzip;q=0.5",
        "Proxy-Authorization": "Basic YTpi",
      }
      await proxy.get("/a", fields)
      expect(fieldsOf(origin.requests()[0])).toEqual([
        "accept-encoding: br, gzip;q=0.5",
        "connection: keep-alive",
        "cookie: a=1; b=2",
        `host: ${HOST}`,
        "proxy-authorization: Basic YTpi",
        "via: 1.1 layeron",
        "x-bytes: caf\xe9 \xc3\xa9",
        "x-empty: ",
        "x-forwarded-for: 127.0.0.1",
        `x-forwarded-host: ${HOST}`,
        "x-forwarded-proto: http",
        "x-repeated: 1, 2, 3",
        "x-unknown: one",
      ])
    })
  })

  test("hop-by-hop fields of the client are not forwarded", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer())
      await proxy.get("/a", {
        Connection: ["keep-alive, X-Named", "upgrade,x-also"],
        "Keep-Alive": "timeout=5",
        "Proxy-Connection": "keep-alive",
        TE: "trailers",
        Trailer: "x-sum",
        Upgrade: "websocket",
        "X-Named": "1",
        "X-Also": "1",
        "X-Other": "1",
      })
      const names = origin.requests()[0]?.fields.map(([name]) => name.toLowerCase())
      expect(names?.filter((name) => !/^(x-forwarded-|via|host)/.test(name))).toEqual([
        "connection",
        "x-other",
      ])
      expect(origin.requests()[0]?.get("connection")).toBe("keep-alive")
    })
  })

  test("the client's address is appended to X-Forwarded-For, and other forwarding fields are replaced", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer())
      await proxy.get("/a", {
        "X-Forwarded-For": "192.0.2.1, 192.0.2.2",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        Forwarded: "for=192.0.2.1;host=evil.example",
        Via: "1.0 first",
      })
      const [request] = origin.requests()
      const names = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via"]
      expect(names.map((name) => request?.get(name))).toEqual([
        "192.0.2.1, 192.0.2.2, 127.0.0.1",
        HOST,
        "http",
        undefined,
        "1.0 first, 1.1 layeron",
      ])
    })
  })

  test("Via names the HTTP version of the request", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer())
      const client = await proxy.connect()
      await client.send(`GET /a HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`).response()
      expect(origin.requests()[0]?.get("via")).toBe("1.0 layeron")
    })
  })
})

describe("targets", () => {
  test.each([
    "/a%2Fb/%7Ec?x=%20&y=a+b&&z",
    "/a/../b/./c",
    "/%2e%2e/a",
    "//a//b",
    "/a?",
    "/?a?b=/c",
    '/a|b"c{d}^`<e>',
    "/a\\b",
    "/%zz%",
    "/a;b=c,d@e:f",
  ])("%s reaches the origin unchanged", async (target) => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script(target, [answer(), answer()])
      expect((await proxy.get(target)).status).toBe(200)
      expect((await proxy.send({ method: "POST", target, body: "x" })).status).toBe(200)
      expect(origin.requests().map((request) => request.target)).toEqual([target, target])
    })
  })

  test("the response to a target does not answer a different target with the same normalised URL", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const targets = ["/a/../b", "/b", "/a\\c", "/a/c"]
      for (const target of targets)
        origin.script(target, answer({ fields: FRESH, body: `of ${target}` }))
      const texts = []
      for (const target of targets) texts.push((await proxy.get(target)).text)
      expect(texts).toEqual(targets.map((target) => `of ${target}`))
    })
  })

  test("an absolute target determines the host", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a?b", answer()).script("/?c", answer()).script("/", answer())
      const targets = [
        "http://Other.Example:81/a?b",
        "HTTP://other.example:80?c",
        "http://other.example",
      ]
      for (const target of targets) expect((await proxy.get(target)).status).toBe(200)
      const seen = origin.requests().map((request) => `${request.get("host")} ${request.target}`)
      expect(seen).toEqual(["other.example:81 /a?b", "other.example /?c", "other.example /"])
    })
  })

  test("the origin receives the host of the key", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const hostForms = ["SHOP.example:80", "shop.example:", "127.1:8080", "[::0:1]"]
      origin.script(
        "/a",
        hostForms.map(() => answer()),
      )
      for (const Host of hostForms) expect((await proxy.get("/a", { Host })).status).toBe(200)
      const hosts = origin.requests().map((request) => request.get("host"))
      expect(hosts).toEqual(["shop.example", "shop.example", "127.0.0.1:8080", "[::1]"])
    })
  })

  test.each([
    ["no Host", "GET /a HTTP/1.1\r\n\r\n"],
    ["no Host in HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n"],
    ["no Host beside an absolute target", "GET http://shop.example/a HTTP/1.1\r\n\r\n"],
    ["two Hosts", "GET /a HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n"],
    [
      "an absolute target of another scheme",
      "GET https://a.example/a HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ],
    [
      "an absolute target with a user",
      "GET http://u@a.example/a HTTP/1.1\r\nHost: a.example\r\n\r\n",
    ],
    ["an absolute target without a host", "GET http:///a HTTP/1.1\r\nHost: a.example\r\n\r\n"],
    ...[
      "",
      "a b",
      "a/b",
      "a?b",
      "a#b",
      "u@a",
      "a:b",
      "a:65536",
      "[::1",
      "[::g]",
      "::1",
      "a%zz",
      "a\\b",
      "1.2.3.256",
    ].map(
      (host) =>
        [`the Host "${host}"`, `GET /a HTTP/1.1\r\nHost: ${host}\r\n\r\n`] as [string, string],
    ),
  ])("a request with %s is refused", async (_name, request) => {
    await withProxy(async ({ proxy, origin }) => {
      const client = await proxy.connect()
      const response = await client.send(request).response()
      expect([response.head.start, response.text]).toEqual([
        "HTTP/1.1 400 Bad Request",
        "400 Bad Request\n",
      ])
      expect(response.get("cache-control")).toBe("no-store")
      expect(origin.requests()).toEqual([])
    })
  })
})

describe("request content", () => {
  test("a known length is forwarded", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer())
      await proxy.send({ method: "POST", target: "/a", body: "\x00caf\xe9" })
      const [request] = origin.requests()
      expect([request?.get("content-length"), request?.get("transfer-encoding")]).toEqual([
        "5",
        undefined,
      ])
      expect(await request?.body()).toEqual(Buffer.from("\x00caf\xe9", "latin1"))
    })
  })

  test("a length of 0 is forwarded if the method may have content", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", [answer(), answer(), answer()])
      await proxy.send({ method: "POST", target: "/a", body: "" })
      await proxy.send({ method: "POST", target: "/a" })
      await proxy.send({ target: "/a" })
      const lengths = origin.requests().map((request) => request.get("content-length"))
      expect(lengths).toEqual(["0", "0", undefined])
    })
  })

  test("content of unknown length streams, and its trailers are dropped", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const portions: string[] = []
      origin.script("/a", async ({ request, write }) => {
        for await (const portion of request.portions()) {
          portions.push(portion.toString("latin1"))
          await write("HTTP/1.1 102 Got It\r\n\r\n")
        }
        await write(answer({ body: "done" }))
      })
      const client = await proxy.connect()
      const fields = { "Transfer-Encoding": "chunked" }
      client.send(requestBytes({ method: "PUT", target: "/a", fields, body: "3\r\none\r\n" }))
      // The client sends the next chunk after the origin has received the previous one.
      expect((await client.head()).status).toBe(102)
      client.send("3\r\ntwo\r\n")
      expect((await client.head()).status).toBe(102)
      client.send("0\r\nX-Sum: 6\r\n\r\n")
      expect((await client.response()).text).toBe("done")
      expect(portions).toEqual(["one", "two"])
      expect(origin.requests()[0]?.get("transfer-encoding")).toBe("chunked")
    })
  })

  test.each(["GET", "HEAD", "DELETE", "OPTIONS"])(
    "content of a %s is forwarded",
    async (method) => {
      await withProxy(async ({ proxy, origin }) => {
        origin.script("/a", [
          answer({ fields: FRESH, body: "one" }),
          answer({ fields: FRESH, body: "two" }),
        ])
        await proxy.send({ method, target: "/a", body: "first" })
        await proxy.send({ method, target: "/a", body: "second" })
        const bodies = await Promise.all(origin.requests().map(({ body }) => body()))
        expect(bodies.map(String)).toEqual(["first", "second"])
      })
    },
  )

  test("content with an unknown transfer coding is refused", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const fields = { "Transfer-Encoding": "gzip, chunked" }
      const response = await proxy.send({ method: "POST", target: "/a", fields, body: "0\r\n\r\n" })
      expect([response.status, response.text]).toEqual([501, "501 Not Implemented\n"])
      expect(origin.requests()).toEqual([])
    })
  })

  test("what follows content on the connection is the next request", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer({ body: "one" })).script("/b", answer({ body: "two" }))
      const client = await proxy.connect()
      client.send({ method: "POST", target: "/a", body: "x" }).send({ target: "/b" })
      expect([(await client.response()).text, (await client.response()).text]).toEqual([
        "one",
        "two",
      ])
    })
  })

  test("content is read from the client no faster than the origin reads it", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const isStarted = gate()
      let received = 0
      origin.script("/a", async ({ request, write }) => {
        await isStarted.opened
        for await (const portion of request.portions()) received += portion.length
        await write(answer({ body: "all of it" }))
      })
      const client = await proxy.connect()
      const fields = { "Content-Length": String(BULK_BYTES) }
      const writer = new BulkWriter(client.send({ method: "POST", target: "/a", fields }).socket)
      expect(await writer.stalled()).toBeGreaterThan(0)
      isStarted.open()
      expect((await client.response()).text).toBe("all of it")
      expect(received).toBe(BULK_BYTES)
    })
  })

  test("a response before the end of the content is forwarded, and the connection stays open", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", async ({ write, end }) => {
        await write(answer({ status: 413, reason: "Too Much", fields: { Connection: "close" } }))
        end()
      })
      origin.script("/b", answer({ body: "next" })).script("/c", answer())
      const client = await proxy.connect()
      const fields = { "Content-Length": "10" }
      client.send(requestBytes({ method: "POST", target: "/a", fields, body: "begin" }))
      expect((await client.response()).head.start).toBe("HTTP/1.1 413 Too Much")
      client.send("ning")
      // This request gives the proxy time to read the bytes sent so far.
      await proxy.get("/c")
      client.send("s").send({ target: "/b" })
      expect((await client.response()).text).toBe("next")
    })
  })
})

describe("expectations", () => {
  const EXPECTING = { Expect: "100-continue", "Content-Length": "3" }

  test("a client gets 100 Continue when the origin is ready for the content", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer({ body: "done" }))
      const client = await proxy.connect()
      client.send({ method: "POST", target: "/a", fields: EXPECTING })
      expect((await client.head()).start).toBe("HTTP/1.1 100 Continue")
      expect((await client.send("abc").response()).text).toBe("done")
      const [request] = origin.requests()
      expect([request?.get("expect"), String(await request?.body())]).toEqual([undefined, "abc"])
    })
  })

  test("a client that does not wait for 100 Continue gets it too", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer())
      const response = await proxy.send({
        method: "PUT",
        target: "/a",
        fields: EXPECTING,
        body: "abc",
      })
      expect([response.informational.map(({ status }) => status), response.status]).toEqual([
        [100],
        200,
      ])
    })
  })

  test("if the origin cannot be reached the client gets no 100 Continue, and the connection is closed", async () => {
    await withProxy(
      async ({ proxy }) => {
        const client = await proxy.connect()
        const response = await client
          .send({ method: "POST", target: "/a", fields: EXPECTING })
          .response()
        expect([response.informational, response.status, response.get("connection")]).toEqual([
          [],
          502,
          "close",
        ])
        expect(await client.readToEnd()).toBe("")
      },
      { upstream: await refusingUpstream() },
    )
  })

  test("a request without content gets no 100 Continue", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer({ body: "text" }))
      const response = await proxy.get("/a", { Expect: "100-continue" })
      expect([response.informational, response.text]).toEqual([[], "text"])
    })
  })

  test("another expectation is refused with a 417", async () => {
    await withProxy(async ({ proxy, origin }) => {
      expect((await proxy.get("/a", { Expect: "miracles" })).status).toBe(417)
      expect(origin.requests()).toEqual([])
    })
  })
})
