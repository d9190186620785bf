import { gzipSync } from "node:zlib"
import type { CacheModule } from "@layeron/modules"
import { BULK_BYTES, BulkWriter } from "../helpers/bulk-writer"
import { httpDate, setClock, stopDate } from "../helpers/clock"
import { uncached, withProxy } from "../helpers/proxy"
import { HOST } from "../helpers/raw-client"
import { answer, gate } from "../helpers/scripted-origin"

const BARE = { cache: uncached }
/** Dates in header fields have no milliseconds. */
const DATE = "Mon, 01 Jan 2024 00:00:00 GMT"

afterEach(() => jest.useRealTimers())

describe("statuses", () => {
  const heads = [
    "200 OK",
    "201 Made It",
    "203 Changed",
    "207 ",
    "226 IM Used",
    "300 Choose",
    "301 Gone There",
    "307 caf\xe9 \xc3\xa9",
    "404 Nope",
    "418 I'm a teapot",
    "499 Odd",
    "503 Later",
    "599 Last of the platform",
    "600 Beyond",
    "750 Far beyond",
    "999 Last",
  ]

  test.each(heads)("%s is forwarded with its body, through the cache as well", async (head) => {
    const [status, reason] = [head.slice(0, 3), head.slice(4)]
    for (const options of [BARE, {}]) {
      await withProxy(async ({ proxy, origin }) => {
        origin.script(
          "/a",
          answer({ status: Number(status), reason, fields: { "X-A": "1" }, body: "text" }),
        )
        const response = await proxy.get("/a")
        const expected = [`HTTP/1.1 ${status} ${asUtf8(reason)}`, "1", "4", "text", true]
        const { head, text, isComplete } = response
        const seen = [head.start, head.get("x-a"), head.get("content-length"), text, isComplete]
        expect(seen).toEqual(expected)
      }, options)
    }
  })

  test.each([
    ["204 without a length", "HTTP/1.1 204 None\r\n\r\n", undefined],
    ["204 with one", "HTTP/1.1 204 None\r\nContent-Length: 0\r\n\r\n", undefined],
    ["304 without a length", "HTTP/1.1 304 Same\r\n\r\n", undefined],
    ["304 with one", "HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n", "7"],
    ["205 with a length of 0", "HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", "0"],
    ["205 with content", "HTTP/1.1 205 Reset\r\nContent-Length: 4\r\n\r\ntext", "0"],
  ])("a %s has no body, and the connection stays open", async (_name, text, length) => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", text).script("/b", answer({ body: "next" }))
      const client = await proxy.connect()
      const response = await client
        .send({ target: "/a", fields: { "If-None-Match": '"a"' } })
        .response()
      expect(response.head.start).toBe(text.slice(0, text.indexOf("\r\n")))
      expect([response.get("content-length"), response.get("transfer-encoding")]).toEqual([
        length,
        undefined,
      ])
      expect((await client.send({ target: "/b" }).response()).text).toBe("next")
    })
  })

  test("the response to HEAD has the Content-Length of GET and no body", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const head = "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nX-A: 1\r\n\r\n"
      origin.script("/a", head).script("/b", answer({ body: "next" }))
      const client = await proxy.connect()
      const response = await client.send({ method: "HEAD", target: "/a" }).response("HEAD")
      expect([response.status, response.get("content-length"), response.get("x-a")]).toEqual([
        200,
        "1234",
        "1",
      ])
      expect((await client.send({ target: "/b" }).response()).text).toBe("next")
    })
  })

  test("a redirect is forwarded and not followed", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer({ status: 302, fields: { Location: "/b" } }))
      const response = await proxy.get("/a")
      expect([response.status, response.get("location")]).toEqual([302, "/b"])
      expect(origin.requests().map(({ target }) => target)).toEqual(["/a"])
    })
  })
})

describe("response fields", () => {
  test("the client gets the origin's fields, and Via", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const fields = {
        Date: DATE,
        "X-Unknown": "one",
        "X-Repeated": ["1", "2, 3"],
        "X-Empty": "",
        "X-Bytes": "caf\xe9 \xc3\xa9",
        "Content-Disposition": 'attachment; filename="\xe9\xc3\xa9"',
        "Set-Cookie": ["a=1; Expires=Mon, 01 Jan 2024 00:00:00 GMT", "b=2", "a=3"],
        "Proxy-Authenticate": "Basic",
        Via: "1.0 first",
      }
      origin.script("/a", answer({ fields, body: "x" }))
      const { head } = await proxy.get("/a")
      expect(head.fields.map(([name, value]) => `${name.toLowerCase()}: ${value}`).sort()).toEqual([
        "connection: keep-alive",
        'content-disposition: attachment; filename="\xe9\xc3\xa9"',
        "content-length: 1",
        `date: ${DATE}`,
        "keep-alive: timeout=5",
        "proxy-authenticate: Basic",
        "set-cookie: a=1; Expires=Mon, 01 Jan 2024 00:00:00 GMT",
        "set-cookie: a=3",
        "set-cookie: b=2",
        "via: 1.0 first, 1.1 layeron",
        "x-bytes: caf\xe9 \xc3\xa9",
        "x-empty: ",
        "x-repeated: 1, 2, 3",
        "x-unknown: one",
      ])
      expect(head.all("set-cookie").map((cookie) => cookie.slice(0, 3))).toEqual([
        "a=1",
        "b=2",
        "a=3",
      ])
    }, BARE)
  })

  test("hop-by-hop fields of the origin are not forwarded", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", ({ write, end }) => {
        write(
          answer({
            fields: {
              Connection: ["close, X-Named", "x-also"],
              "Keep-Alive": "timeout=77",
              "Proxy-Connection": "close",
              Trailer: "X-Sum",
              Upgrade: "h2c",
              "X-Named": "1",
              "X-Also": "1",
              "X-Other": "1",
            },
          }),
        )
        end()
      })
      const { head } = await proxy.get("/a")
      const names = ["proxy-connection", "trailer", "upgrade", "x-named", "x-also", "x-other"]
      expect(names.map((name) => head.get(name))).toEqual([...Array(5).fill(undefined), "1"])
      expect([head.get("connection"), head.get("keep-alive")]).toEqual(["keep-alive", "timeout=5"])
    })
  })

  test("a response without a Date gets the time of its arrival, when stored too", async () => {
    stopDate()
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", answer({ fields: { "Cache-Control": "max-age=60" } }))
      const dates = []
      for (const seconds of [0, 5]) {
        setClock(seconds)
        const { head } = await proxy.get("/a")
        dates.push([head.all("date"), head.get("age")])
      }
      expect(dates).toEqual([
        [[httpDate(0)], undefined],
        [[httpDate(0)], "5"],
      ])
    })
  })
})

describe("response bodies", () => {
  test("content codings are not changed", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const compressed = gzipSync("text")
      const fields = { "Content-Encoding": "gzip" }
      origin.script("/a", answer({ fields, body: compressed.toString("latin1") }))
      const response = await proxy.get("/a", { "Accept-Encoding": "gzip" })
      expect([response.get("content-encoding"), response.body]).toEqual(["gzip", compressed])
    })
  })

  test("a body of unknown length streams, and its trailers are dropped", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const isRead = gate()
      origin.script("/a", async ({ write }) => {
        await write(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\none\r\n",
        )
        await isRead.opened
        await write("3\r\ntwo\r\n0\r\nX-Sum: 6\r\n\r\n")
      })
      const client = await proxy.connect()
      client.send(`GET /a HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
      const head = await client.head()
      expect([head.get("transfer-encoding"), head.get("content-length")]).toEqual([
        "chunked",
        undefined,
      ])
      expect(await client.bytes(8)).toBe("3\r\none\r\n")
      // The origin sends the rest after the client has received the first chunk.
      isRead.open()
      expect(await client.readToEnd()).toBe("3\r\ntwo\r\n0\r\n\r\n")
    })
  })

  test("a body that ends with the origin's connection is complete", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script("/a", async ({ write, end }) => {
        await write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end")
        end()
      })
      const response = await proxy.get("/a")
      expect([response.get("transfer-encoding"), response.text, response.isComplete]).toEqual([
        "chunked",
        "to the end",
        true,
      ])
    })
  })

  test("a body for a client of HTTP/1.0 ends with the connection", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script(
        "/a",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
      )
      const client = await proxy.connect()
      const response = await client.send(`GET /a HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`).response()
      expect([response.get("transfer-encoding"), response.text, response.isComplete]).toEqual([
        undefined,
        "one",
        true,
      ])
    })
  })

  test("a body is read from the origin no faster than the client reads it", async () => {
    await withProxy(async ({ proxy, origin }) => {
      let writer: BulkWriter | undefined
      origin.script("/a", async ({ write, socket }) => {
        await write(`HTTP/1.1 200 OK\r\nContent-Length: ${BULK_BYTES}\r\n\r\n`)
        writer = new BulkWriter(socket)
        await writer.done
      })
      const client = await proxy.connect()
      const head = await client.send({ target: "/a" }).head()
      expect(await writer?.stalled()).toBeGreaterThan(0)
      const response = await client.readBody(head)
      expect([response.body.length, response.isComplete]).toEqual([BULK_BYTES, true])
    }, BARE)
  })
})

describe("informational responses", () => {
  test("they are forwarded as they arrive", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const isSeen = [gate(), gate(), gate()]
      origin.script("/a", async ({ write }) => {
        await write("HTTP/1.1 102 Processing\r\n\r\n")
        await isSeen[0]?.opened
        await write(
          "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nLink: </b.css>\r\nX-A: caf\xe9\r\nConnection: x-b\r\nX-B: 1\r\n\r\n",
        )
        await isSeen[1]?.opened
        await write("HTTP/1.1 199 Odd\r\nX-C: 2\r\n\r\n")
        await isSeen[2]?.opened
        await write(answer({ body: "at last" }))
      })
      const client = await proxy.connect()
      client.send({ target: "/a" })
      const seen = []
      for (let n = 0; n < 3; n++) {
        const { status, fields } = await client.head()
        seen.push([status, fields])
        isSeen[n]?.open()
      }
      expect(seen).toEqual([
        [102, []],
        [
          103,
          [
            ["link", "</a.css>; rel=preload"],
            ["link", "</b.css>"],
            ["x-a", "caf\xe9"],
          ],
        ],
        [199, [["x-c", "2"]]],
      ])
      expect((await client.response()).text).toBe("at last")
    })
  })

  test("they are not sent to clients of HTTP/1.0", async () => {
    await withProxy(async ({ proxy, origin }) => {
      origin.script(
        "/a",
        `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${answer({ body: "text" })}`,
      )
      const client = await proxy.connect()
      const response = await client.send(`GET /a HTTP/1.0\r\nHost: ${HOST}\r\n\r\n`).response()
      expect([response.informational, response.text]).toEqual([[], "text"])
    })
  })

  test("they are not sent within a response that has begun", async () => {
    // Runs the handler after it has returned another response, like a cache in a background
    // refresh.
    const refreshing: Pick<CacheModule, "wrap"> = {
      wrap:
        (handler) =>
        async (request, ...rest) => {
          const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
          const serve = async () => {
            const writer = writable.getWriter()
            await writer.write(Buffer.from("old and "))
            await (await handler(request, ...rest)).text()
            await writer.write(Buffer.from("whole"))
            await writer.close()
          }
          void serve()
          return new Response(readable)
        },
    }
    await withProxy(
      async ({ proxy, origin }) => {
        origin.script(
          "/a",
          `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${answer({ body: "new" })}`,
        )
        const response = await proxy.get("/a")
        expect([response.informational, response.text, response.isComplete]).toEqual([
          [],
          "old and whole",
          true,
        ])
      },
      { cache: refreshing },
    )
  })

  test("those of a background refresh are not sent to any client", async () => {
    await withProxy(async ({ proxy, origin }) => {
      const fields = { "Cache-Control": "max-age=0, stale-while-revalidate=60" }
      const earlyHints = `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n`
      origin.script("/a", answer({ fields, body: "old" }))
      origin.script(
        "/a",
        earlyHints + answer({ fields: { "Cache-Control": "max-age=60" }, body: "new" }),
      )
      origin.script("/b", async ({ write }) => {
        await (await origin.received("/a", 2)).body()
        await write(answer({ body: "other" }))
      })
      const client = await proxy.connect()
      const texts = []
      for (const target of ["/a", "/a", "/b"]) {
        const { informational, text } = await client.send({ target }).response()
        texts.push([informational, text])
      }
      expect(texts).toEqual([
        [[], "old"],
        [[], "old"],
        [[], "other"],
      ])
    })
  })
})

/** Decodes a reason phrase as undici does: as UTF-8, with U+FFFD for invalid bytes. */
function asUtf8(reason: string): string {
  return Buffer.from(Buffer.from(reason, "latin1").toString()).toString("latin1")
}
