import { BULK_BYTES, BulkWriter } from "../helpers/bulk-writer"
import { stopDate } from "../helpers/clock"

import {
  AT,
  answerWithControl,
  cacheStatusOf,
  outcomesOf,
  requestCount,
  summaryOf,
  withCache,
} from "../helpers/proxy-cache"
import { type Answer, gate } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const MINUTE = "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n"
const STORED = "fwd=uri-miss; fwd-status=200; stored; ttl=60"
const MAX_ENTRY_BYTES = 10_000
const small = {
  cacheOptions: { storage: { memory: { maxBytes: 1_000_000, maxEntryBytes: MAX_ENTRY_BYTES } } },
}

/** Encodes text in chunks of at most `most` bytes, with the last chunk. */
function inChunks(body: string, max: number): string {
  const chunks: string[] = []
  for (let at = 0; at < body.length; at += max) chunks.push(chunk(body.slice(at, at + max)))
  return `${chunks.join("")}0\r\n\r\n`
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}

describe("a body without end", () => {
  test.each([
    [
      "of events",
      "Content-Type: text/event-stream\r\n",
      "fwd=uri-miss; fwd-status=200; detail=event-stream",
    ],
    ["of anything", "", STORED],
  ])("%s reaches its client as it arrives", async (_name, fields, expected) => {
    await withCache(async ({ proxy, origin }) => {
      const [isRead, isOver] = [gate(), gate()]
      origin.script(AT, async ({ write }) => {
        await write(`${MINUTE}${fields}Transfer-Encoding: chunked\r\n\r\n`)
        await write(chunk("one"))
        await isRead.opened
        await write(chunk("two"))
        await isOver.opened
        await write("0\r\n\r\n")
      })
      const client = await proxy.connect()
      const head = await client.send({ target: AT }).head()
      expect([head.status, cacheStatusOf(head)]).toEqual([200, expected])
      expect(await client.bytes(8)).toBe(chunk("one"))
      isRead.open()
      expect(await client.bytes(8)).toBe(chunk("two"))
      isOver.open()
      expect(await client.bytes(5)).toBe("0\r\n\r\n")
    })
  })

  test("of events is not shared, and is aborted at the origin when its client leaves", async () => {
    await withCache(async ({ proxy, origin }) => {
      const abandoned: Promise<void>[] = []
      const stream: Answer = async ({ request, write, closedByPeer: over }) => {
        abandoned.push(over())
        await write(
          `${MINUTE}Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`,
        )
        await write(chunk(request.get("x-a") ?? ""))
        await abandoned.at(-1)
      }
      origin.script(AT, [stream, stream])
      for (const name of ["one", "two"]) {
        const client = await proxy.connect()
        await client.send({ target: AT, fields: { "X-A": name } }).head()
        expect(await client.bytes(8)).toBe(chunk(name))
        client.close()
        await abandoned.at(-1)
      }
      expect([requestCount(origin), abandoned.length]).toEqual([2, 2])
    })
  })
})

describe("a client that goes away", () => {
  test.each(["with a length", "in chunks"])(
    "within a body that arrives %s does not affect the entry",
    async (framing) => {
      await withCache(async ({ proxy, origin, module }) => {
        const isGone = gate()
        const isChunked = framing === "in chunks"
        origin.script(AT, async ({ write }) => {
          await write(
            `${MINUTE}${isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 6"}\r\n\r\n`,
          )
          await write(isChunked ? chunk("one") : "one")
          await isGone.opened
          await write(isChunked ? `${chunk("two")}0\r\n\r\n` : "two")
        })
        const client = await proxy.connect()
        await client.send({ target: AT }).head()
        await client.bytes(3)
        const put = outcomesOf(module, "put")
        client.close()
        await client.closed
        isGone.open()
        expect(await put).toEqual(["stored"])
        expect(summaryOf(await proxy.get(AT))).toBe("200 onetwo (hit; ttl=60)")
        expect([requestCount(origin), proxy.reports]).toEqual([1, []])
      })
    },
  )

  test("before the head has arrived does not affect the entry", async () => {
    await withCache(async ({ proxy, origin, module }) => {
      const isGone = gate()
      origin.script(AT, async ({ write }) => {
        await isGone.opened
        await write(`${MINUTE}Content-Length: 3\r\n\r\none`)
      })
      const client = await proxy.connect()
      client.send({ target: AT })
      await origin.received(AT)
      const put = outcomesOf(module, "put")
      client.close()
      await client.closed
      isGone.open()
      expect(await put).toEqual(["stored"])
      expect([summaryOf(await proxy.get(AT)), requestCount(origin)]).toEqual([
        "200 one (hit; ttl=60)",
        1,
      ])
    })
  })
})

describe("an aborted body", () => {
  test.each<[string, string, "end" | "reset"]>([
    ["short of its length", `${MINUTE}Content-Length: 9\r\n\r\none`, "end"],
    ["by a reset short of its length", `${MINUTE}Content-Length: 9\r\n\r\none`, "reset"],
    ["before its last chunk", `${MINUTE}Transfer-Encoding: chunked\r\n\r\n${chunk("one")}`, "end"],
    ["by a reset without a length", `${MINUTE}\r\none`, "reset"],
    [
      "coded, short of its length",
      `${MINUTE}Content-Encoding: gzip\r\nContent-Length: 9\r\n\r\none`,
      "end",
    ],
  ])(
    "%s aborts the client's response and is not stored, and the next body is",
    async (_name, text, ending) => {
      await withCache(async ({ proxy, origin, module }) => {
        const isRead = gate()
        const broken: Answer = async (exchange) => {
          await exchange.write(text)
          await isRead.opened
          exchange[ending]()
        }
        origin.script(AT, [broken, answerWithControl("max-age=60", { body: "whole" })])
        const client = await proxy.connect()
        const head = await client.send({ target: AT }).head()
        const put = outcomesOf(module, "put")
        isRead.open()
        const { status, isComplete } = await client.readBody(head)
        expect([status, isComplete, (await put)[0]]).toEqual([
          200,
          false,
          expect.stringMatching(/^error /),
        ])
        expect(await module.inspect()).toMatchObject({ entries: 0 })
        expect(summaryOf(await proxy.get(AT))).toBe(`200 whole (${STORED})`)
        expect(summaryOf(await proxy.get(AT))).toBe("200 whole (hit; ttl=60)")
        expect(requestCount(origin)).toBe(2)
      })
    },
  )

  test("that ends with its connection is complete", async () => {
    await withCache(async ({ proxy, origin, module }) => {
      origin.script(AT, ({ end }) => end(`${MINUTE}\r\nwhole`))
      const put = outcomesOf(module, "put")
      expect(summaryOf(await proxy.get(AT))).toBe(`200 whole (${STORED})`)
      expect(await put).toEqual(["stored"])
      expect([summaryOf(await proxy.get(AT)), requestCount(origin)]).toEqual([
        "200 whole (hit; ttl=60)",
        1,
      ])
    })
  })
})

describe("a body over maxEntryBytes", () => {
  const body = "0123456789".repeat(2 * MAX_ENTRY_BYTES)
  const TOO_LARGE = "fwd=uri-miss; fwd-status=200; detail=too-large"

  test.each([
    ["by its length", `Content-Length: ${body.length}\r\n\r\n${body}`, TOO_LARGE],
    ["without saying so", `Transfer-Encoding: chunked\r\n\r\n${inChunks(body, 7_777)}`, STORED],
  ])("%s is sent completely and is not stored", async (_name, rest, expected) => {
    await withCache(async ({ proxy, origin, module }) => {
      origin.script(AT, [`${MINUTE}${rest}`, `${MINUTE}${rest}`])
      for (let n = 0; n < 2; n++) {
        const put = outcomesOf(module, "put")
        const response = await proxy.get(AT)
        const seen = [
          response.text === body,
          response.isComplete,
          cacheStatusOf(response),
          await put,
        ]
        expect(seen).toEqual([true, true, expected, ["refused too-large"]])
      }
      expect(await module.inspect()).toMatchObject({ entries: 0, bytes: 0 })
      expect(requestCount(origin)).toBe(2)
    }, small)
  })

  test("evicts no other entry, and one that just fits is stored", async () => {
    await withCache(async ({ proxy, origin }) => {
      const fits = "x".repeat(MAX_ENTRY_BYTES - 500)
      origin
        .script("/fits", answerWithControl("max-age=60", { body: fits }))
        .script(AT, answerWithControl("max-age=60", { body }))
      expect((await proxy.get("/fits")).text).toBe(fits)
      await proxy.get(AT)
      const response = await proxy.get("/fits")
      expect([response.text === fits, cacheStatusOf(response)]).toEqual([true, "hit; ttl=60"])
    }, small)
  })

  test.each([
    ["by its length", `Content-Length: ${BULK_BYTES}\r\n`],
    ["without saying so", ""],
  ])("%s is read from the origin no faster than its client reads it", async (_name, field) => {
    await withCache(async ({ proxy, origin, module }) => {
      let writer: BulkWriter | undefined
      origin.script(AT, async ({ socket, write, end }) => {
        await write(`${MINUTE}${field}\r\n`)
        writer = new BulkWriter(socket)
        await writer.done
        end()
      })
      const client = await proxy.connect()
      const head = await client.send({ target: AT }).head()
      expect(await writer?.stalled()).toBeGreaterThan(BULK_BYTES / 4)
      expect((await module.inspect()).bytes).toBe(0)
      const { body, isComplete } = await client.readBody(head)
      expect([body.length, isComplete]).toEqual([BULK_BYTES, true])
    }, small)
  })

  test.each([
    ["by its length, with more to come", `Content-Length: ${BULK_BYTES}\r\n`, true],
    ["by its length, with nothing more to come", `Content-Length: ${BULK_BYTES}\r\n`, false],
    ["without saying so, with more to come", "", true],
    ["without saying so, with nothing more to come", "", false],
  ])("%s is aborted at the origin when its last client leaves", async (_name, field, isWriting) => {
    await withCache(async ({ proxy, origin }) => {
      let over: Promise<void> | undefined
      origin.script(AT, async ({ socket, write, closedByPeer }) => {
        over = closedByPeer()
        await write(`${MINUTE}${field}\r\n`)
        await write("x".repeat(5 * MAX_ENTRY_BYTES))
        if (isWriting) new BulkWriter(socket).done.catch(() => {})
        await over
      })
      const client = await proxy.connect()
      await client.send({ target: AT }).head()
      await client.bytes(5 * MAX_ENTRY_BYTES)
      client.close()
      await over
      expect(proxy.reports).toEqual([])
    }, small)
  })
})
