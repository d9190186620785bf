/**
 * Large stored responses: which bytes are copied and when, and that every way to read them is
 * right.
 */
import type { CacheModule } from "@layeron/modules"
import { BindingAnswer } from "../../native.js"
import { freshCache, get, mustMatch, url } from "../helpers/cache"
import { bytes, outcome, responsePair, secondStored } from "../helpers/response-pair"
import { runNode } from "../helpers/run-node"

afterEach(() => jest.restoreAllMocks())

const CHUNK = 65_536
const MIB = 2 ** 20
const AT = url("/large")

/**
 * Counts copies of large bodies from now on: the sizes of copies as bytes, and the number of texts.
 */
function countCopies(): { sizes(): number[]; texts(): number } {
  const copy = jest.spyOn(BindingAnswer.prototype, "copy")
  const text = jest.spyOn(BindingAnswer.prototype, "text")
  return {
    sizes: () => copy.mock.results.map(({ value }) => value),
    texts: () => text.mock.calls.length,
  }
}

async function chunksOf(response: Response): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>)
    chunks.push(chunk)
  return chunks
}

async function hex(response: Response): Promise<string> {
  return Buffer.from(await response.arrayBuffer()).toString("hex")
}

describe("bytes copied of a body of 1 MiB", () => {
  let module: CacheModule
  const whole = bytes(MIB)
  beforeEach(async () => {
    module = freshCache({ ttlSeconds: 600 })
    await module.put(AT, new Response(whole, { headers: { "x-a": "1" } }))
  })

  test("are none if the response is not read", async () => {
    const copies = countCopies()
    const hit = await mustMatch(module, AT)
    expect([hit.status, hit.headers.get("x-a"), hit.body?.locked, hit.bodyUsed]).toEqual([
      200,
      "1",
      false,
      false,
    ])
    expect(hit.clone().headers.get("x-a")).toBe("1")
    expect([copies.sizes(), copies.texts()]).toEqual([[], 0])
  })

  test("are none if a wrapped handler's hit is not read", async () => {
    const handle = module.wrap(() => new Response("not this one"))
    const copies = countCopies()
    expect((await handle(new Request(AT))).status).toBe(200)
    expect((await handle(new Request(AT, { method: "HEAD" }))).headers.get("content-length")).toBe(
      String(MIB),
    )
    expect([copies.sizes(), copies.texts()]).toEqual([[], 0])
  })

  test.each<[string, (response: Response) => Promise<unknown>]>([
    ["arrayBuffer", (response) => response.arrayBuffer()],
    ["bytes", (response) => (response as unknown as { bytes(): Promise<Uint8Array> }).bytes()],
    ["blob", (response) => response.blob()],
  ])("are all bytes, once, by %s", async (_, read) => {
    const hit = await mustMatch(module, AT)
    const copies = countCopies()
    await read(hit)
    expect([copies.sizes(), copies.texts()]).toEqual([[MIB], 0])
  })

  test("are a string, and no bytes, by text and by json", async () => {
    const copies = countCopies()
    await (await mustMatch(module, AT)).text()
    await outcome((response) => response.json(), await mustMatch(module, AT))
    expect([copies.sizes(), copies.texts()]).toEqual([[], 2])
  })

  test("are one piece of 64 KiB per read of the stream", async () => {
    const reader = (await mustMatch(module, AT)).body!.getReader()
    const copies = countCopies()
    expect(copies.sizes()).toEqual([])
    await reader.read()
    expect(copies.sizes()).toEqual([CHUNK])
    await reader.read()
    expect(copies.sizes()).toEqual([CHUNK, CHUNK])
    await reader.cancel()
    expect(copies.sizes()).toEqual([CHUNK, CHUNK])
  })

  test("are one piece for each of 30 readers that stop after it", async () => {
    const readers = []
    for (let at = 0; at < 30; at++) readers.push((await mustMatch(module, AT)).body!.getReader())
    const copies = countCopies()
    for (const reader of readers) await reader.read()
    expect(copies.sizes()).toEqual(Array.from({ length: 30 }, () => CHUNK))
  })

  test("are only the requested range", async () => {
    const copies = countCopies()
    const hit = await mustMatch(module, get("/large", { range: "bytes=100000-299999" }))
    expect([hit.status, hit.headers.get("content-range")]).toEqual([
      206,
      `bytes 100000-299999/${MIB}`,
    ])
    expect(copies.sizes()).toEqual([])
    expect(Buffer.from(await hit.arrayBuffer()).equals(whole.subarray(100_000, 300_000))).toBe(true)
    expect(copies.sizes()).toEqual([200_000])
  })
})

describe("the stream of a large body", () => {
  test.each([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 7])(
    "of %i bytes yields all of it in pieces of 64 KiB",
    async (length) => {
      const { stored } = await responsePair(bytes(length))
      const chunks = await chunksOf(stored)
      const sizes = Array.from({ length: Math.ceil(length / CHUNK) }, (_, at) =>
        Math.min(CHUNK, length - at * CHUNK),
      )
      expect(chunks.map((chunk) => chunk.length)).toEqual(sizes)
      expect(Buffer.concat(chunks).equals(bytes(length))).toBe(true)
      expect(stored.bodyUsed).toBe(true)
    },
  )

  test.each([
    ["bytes=0-0", 0, 1],
    ["bytes=65535-65536", 65_535, 65_537],
    ["bytes=1-", 1, 300_000],
    ["bytes=-100000", 200_000, 300_000],
    ["bytes=70000-270000", 70_000, 270_001],
  ])("of a range %s yields only the range", async (range, start, end) => {
    const { module } = await responsePair(bytes(300_000))
    const hit = await mustMatch(module, get("/pair", { range }))
    expect(hit.status).toBe(206)
    expect(Buffer.concat(await chunksOf(hit)).equals(bytes(300_000).subarray(start, end))).toBe(
      true,
    )
  })

  test("fills the buffers of a BYOB reader, and ends", async () => {
    const { stored } = await responsePair(bytes(150_000))
    const reader = stored.body!.getReader({ mode: "byob" })
    const chunks: Uint8Array[] = []
    let read = await reader.read(new Uint8Array(40_000))
    for (; !read.done; read = await reader.read(new Uint8Array(40_000))) chunks.push(read.value)
    expect(Buffer.concat(chunks).equals(bytes(150_000))).toBe(true)
    expect((await reader.read(new Uint8Array(1))).done).toBe(true)
  })

  test("answers reads that were begun before its end is known", async () => {
    const { stored } = await responsePair(bytes(CHUNK + 1))
    const reader = stored.body!.getReader({ mode: "byob" })
    const reads = await Promise.all([1, 2, 3, 4].map(() => reader.read(new Uint8Array(CHUNK))))
    expect(reads.map(({ done, value }) => [done, value?.byteLength])).toEqual([
      [false, CHUNK],
      [false, 1],
      [true, 0],
      [true, 0],
    ])
  })

  test("ends and leaves the body used if it is cancelled in the middle", async () => {
    const { module, stored } = await responsePair(bytes(300_000))
    const reader = stored.body!.getReader()
    await reader.read()
    await reader.cancel()
    expect([(await reader.read()).done, stored.bodyUsed]).toEqual([true, true])
    expect(await hex(await secondStored(module))).toBe(Buffer.from(bytes(300_000)).toString("hex"))
  })

  test("can be released after it was accessed, and text then returns the whole body", async () => {
    const { stored } = await responsePair("\u00e9".repeat(100_000))
    stored.body?.getReader().releaseLock()
    expect(await stored.text()).toBe("\u00e9".repeat(100_000))
  })
})

test.each([
  ["of letters of two bytes", "\u00e9".repeat(100_000)],
  ["with a byte order mark", `\ufeff${"a".repeat(100_000)}`],
  ["of ASCII", "a".repeat(100_000)],
])("a large text %s is read as on the platform", async (_, text) => {
  const { stored, platform } = await responsePair(text)
  expect(await stored.text()).toBe(await platform.text())
})

test("a large blob has the same type and bytes as the platform's", async () => {
  const headers = { "content-type": "Text/Plain; Charset=UTF-8" }
  const { stored, platform } = await responsePair(bytes(100_000), { headers })
  const [blob, expected] = [await stored.blob(), await platform.blob()]
  expect([blob.type, blob.size]).toEqual([expected.type, expected.size])
  expect(Buffer.from(await blob.arrayBuffer()).equals(bytes(100_000))).toBe(true)
})

describe("a large response is complete even if", () => {
  test.each<[string, (module: CacheModule) => Promise<unknown>]>([
    ["it was purged", (module) => module.purge({ everything: true })],
    ["it was replaced", (module) => module.put(url("/pair"), new Response("other"))],
    ["it was evicted", (module) => module.put(url("/other"), new Response(bytes(250_000)))],
    ["its cache was closed", (module) => module.close()],
  ])("%s after it was found", async (_, change) => {
    const module = freshCache({
      storage: { memory: { maxBytes: 300_000, maxEntryBytes: 300_000 } },
    })
    await module.put(url("/pair"), new Response(bytes(200_000)))
    const [whole, streamed] = [await secondStored(module), await secondStored(module)]
    const reader = streamed.body!.getReader()
    const first = await reader.read()
    await change(module)
    expect(Buffer.from(await whole.arrayBuffer()).equals(bytes(200_000))).toBe(true)
    const rest = [first.value!]
    for (let read = await reader.read(); !read.done; read = await reader.read())
      rest.push(read.value)
    expect(Buffer.concat(rest).equals(bytes(200_000))).toBe(true)
  })
})

describe("a clone of a large response", () => {
  test.each<[string, (response: Response) => Promise<unknown>]>([
    ["was read", (response) => response.text()],
    ["was cancelled", async (response) => response.body?.cancel()],
    ["is only looked at", async (response) => response.body?.locked],
  ])("is complete if its original %s", async (_, use) => {
    const { stored } = await responsePair(bytes(200_000))
    const clone = stored.clone()
    await use(stored)
    expect(Buffer.concat(await chunksOf(clone)).equals(bytes(200_000))).toBe(true)
  })

  test("leaves its original complete when the clone was read, even if it was created after the stream", async () => {
    const { stored } = await responsePair(bytes(200_000))
    stored.body
    const clone = stored.clone()
    expect(await hex(clone)).toBe(Buffer.from(bytes(200_000)).toString("hex"))
    expect(await hex(stored)).toBe(Buffer.from(bytes(200_000)).toString("hex"))
  })
})

/**
 * Source with an entry of 100 MiB. The allocator returns memory of that size to the system at once,
 * so the process's size shows what is held.
 */
const HELD = `
const { cache } = require("../..")
const MIB = 2 ** 20
const shop = cache({ name: "shop", ttlSeconds: 600, storage: { memory: { maxBytes: 1024 * MIB, maxEntryBytes: 1024 * MIB } } })
const grownBy10MiB = (since) => Math.round((process.memoryUsage().rss - since) / MIB / 10)
const turn = () => new Promise((resolve) => setImmediate(resolve))
;(async () => {
  const AT = "https://api.example.com/large"
  await shop.put(AT, new Response(new Uint8Array(100 * MIB)))
  const hit = async (use) => use(await shop.match(AT))
  for (let round = 0; round < 5; round++) { gc(); await turn() }
  const before = process.memoryUsage().rss
  const figures = {}
  const hits = []
  for (let at = 0; at < 3; at++) hits.push(await shop.match(AT))
  figures.unread = grownBy10MiB(before)
  await shop.purge({ everything: true })
  figures.purgedAndHeld = grownBy10MiB(before)
  FREE
  for (let round = 0; round < 5; round++) { gc(); await turn() }
  figures.freed = grownBy10MiB(before)
  figures.hits = hits.length
  process.stdout.write(JSON.stringify(figures))
})()
`

describe("a stored response of 100 MiB that is no longer in the store is held by responses of it,", () => {
  test.each([
    ["until they are collected", "hits.length = 0"],
    ["until their streams are cancelled", "for (const hit of hits) await hit.body.cancel()"],
    [
      "until their streams are read",
      // Collects garbage during the read, so that freed pieces do not count as held.
      `for (const hit of hits) {
        let pieces = 0
        for await (const { length } of hit.body) {
          if (length !== 65536) throw new Error("a piece of " + length)
          if (++pieces % 100 === 0) gc(), await turn()
        }
      }`,
    ],
  ])("%s", async (_, free) => {
    const flags = ["--expose-gc", "-e", HELD.replace("FREE", free)]
    const { stdout } = await runNode(flags, { cwd: __dirname })
    // In units of 10 MiB, rounded, which leaves a margin for the process's other memory.
    const { unread, purgedAndHeld, freed } = JSON.parse(stdout)
    expect([unread, purgedAndHeld]).toEqual([0, 0])
    expect(freed).toBeLessThanOrEqual(-6)
  })
})

test("30 readers of 8 MiB that stop after one piece hold one piece each", async () => {
  const { stdout } = await runNode(
    [
      "--expose-gc",
      "-e",
      `
      const { cache } = require("../..")
      const shop = cache({ name: "shop", ttlSeconds: 600 })
      ;(async () => {
        const AT = "https://api.example.com/large"
        await shop.put(AT, new Response(new Uint8Array(8 * 2 ** 20)))
        gc()
        const before = process.memoryUsage().arrayBuffers
        const readers = []
        for (let at = 0; at < 30; at++) readers.push((await shop.match(AT)).body.getReader())
        for (const reader of readers) await reader.read()
        gc()
        process.stdout.write(String(process.memoryUsage().arrayBuffers - before))
      })()`,
    ],
    { cwd: __dirname },
  )
  expect(Number(stdout)).toBeLessThanOrEqual(30 * CHUNK + CHUNK)
})
