import { type Layer, startLayerDev, temporaryProject } from "../helpers/layer-dev"
import { RawClient } from "../helpers/raw-client"

const APP = `
import { backend } from "@layeron/core"
import { cache } from "@layeron/modules"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

const app = backend()
const pages = cache({ name: "pages", ttlSeconds: 60 })
app.use(pages)

const BYTES = Uint8Array.from({ length: 256 }, (_, at) => at)
const PAGES = {
  plain: () => new Response("plain", { headers: { "content-type": "text/plain", "x-a": "1" } }),
  letters: () => new Response("bödy ☃", { headers: { "content-type": "text/plain; charset=utf-8" } }),
  bytes: () => new Response(BYTES, { headers: { "content-type": "application/octet-stream" } }),
  untyped: () => new Response(BYTES),
  large: () => new Response("é".repeat(150_000), { headers: { "content-type": "text/plain", "content-length": "300000" } }),
  unsized: () => new Response(Uint8Array.from({ length: 8 * 2 ** 20 }, (_, at) => at >> 8), { headers: { etag: '"v1"' } }),
  empty: () => new Response("", { headers: { "content-type": "text/plain" } }),
  none: () => new Response(null, { status: 204, headers: { "x-a": "1" } }),
  missing: () => Response.json({ error: "gone" }, { status: 404 }),
  tagged: () => new Response("0123456789", { headers: { etag: '"v1"', "content-type": "text/plain" } }),
}
for (const [name, page] of Object.entries(PAGES)) {
  app.get("/" + name, async (request) => {
    const cached = await pages.match(request)
    if (cached) return cached
    await pages.put(request, page())
    return page()
  })
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc")
app.get("/held", () => {
  collect()
  return process.memoryUsage().arrayBuffers
})

/** Handlers that use the cached response before they return it. */
const HANDLED = {
  changed: (cached) => {
    cached.headers.set("x-a", "2")
    cached.headers.append("vary", "accept")
    cached.headers.append("vary", "accept-language")
    return cached
  },
  cloned: async (cached) => {
    const clone = cached.clone()
    return new TextDecoder().decode(new Uint8Array(await cached.arrayBuffer()).fill(35)) === "#####" && clone
  },
  streamed: (cached) => cached.body && cached,
  used: async (cached) => (await cached.text(), cached),
}
for (const [name, handle] of Object.entries(HANDLED)) {
  app.get("/" + name, async (request) => handle(await pages.match(new URL("/plain", request.url))))
}

export default app
`

let layer: Layer
let remove: () => void

beforeAll(async () => {
  const project = temporaryProject({ "app.mjs": APP })
  remove = project.remove
  layer = await startLayerDev("app.mjs", project.path)
})

afterAll(async () => {
  await layer.stop()
  remove()
})

function get(path: string, init?: RequestInit): Promise<Response> {
  return fetch(layer.url + path, init)
}

/** Sends two requests; returns the second response, a hit, and the first. */
async function hitOf(path: string): Promise<{ hit: Response; first: Response }> {
  const first = await get(path)
  const hit = await get(path)
  expect(hit.headers.get("cache-status")).toMatch(/^default\/pages; hit; ttl=\d+$/)
  return { hit, first }
}

const BYTES = Uint8Array.from({ length: 256 }, (_, at) => at)

describe("the response that layer dev writes for a hit", () => {
  test.each([
    ["plain", 200, "text/plain", Buffer.from("plain")],
    ["letters", 200, "text/plain; charset=utf-8", Buffer.from("bödy ☃")],
    ["bytes", 200, "application/octet-stream", BYTES],
    ["large", 200, "text/plain", Buffer.from("é".repeat(150_000))],
    ["empty", 200, "text/plain", Buffer.from("")],
    ["missing", 404, "application/json", Buffer.from('{"error":"gone"}')],
  ])("is all of %s", async (name, status, type, body) => {
    const { hit } = await hitOf(`/${name}`)
    expect([hit.status, hit.headers.get("content-type")]).toEqual([status, type])
    expect(hit.headers.get("content-length")).toBe(String(body.length))
    expect(Buffer.from(await hit.arrayBuffer()).equals(Buffer.from(body))).toBe(true)
  })

  test("has the default Content-Type of a new response if it has none", async () => {
    const { hit, first } = await hitOf("/untyped")
    expect(hit.headers.get("content-type")).toBe(first.headers.get("content-type"))
    expect(Buffer.from(await hit.arrayBuffer()).equals(Buffer.from(BYTES))).toBe(true)
  })

  test("has neither a body nor a Content-Length if no body is stored", async () => {
    const { hit } = await hitOf("/none")
    expect([hit.status, hit.headers.get("x-a"), hit.headers.get("content-length")]).toEqual([
      204,
      "1",
      null,
    ])
    expect(await hit.text()).toBe("")
  })

  test("is a 304 or a part if the request has a condition or a range", async () => {
    await get("/tagged")
    const known = await get("/tagged", { headers: { "if-none-match": '"v1"' } })
    expect([known.status, known.headers.get("etag"), await known.text()]).toEqual([304, '"v1"', ""])
    const part = await get("/tagged", { headers: { range: "bytes=2-4" } })
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([
      206,
      "bytes 2-4/10",
      "234",
    ])
  })

  test("has no body for a HEAD", async () => {
    await get("/plain")
    const head = await get("/plain", { method: "HEAD" })
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
      200,
      "text/plain",
      "",
    ])
  })

  test("has the fields that a handler has changed", async () => {
    await get("/plain")
    const { headers } = await get("/changed")
    expect([headers.get("x-a"), headers.get("vary")]).toEqual(["2", "accept, accept-language"])
  })

  test.each(["cloned", "streamed"])("is complete if a handler has %s it", async (path) => {
    await get("/plain")
    const response = await get(`/${path}`)
    expect([response.status, await response.text()]).toEqual([200, "plain"])
  })

  test("is an error if a handler has consumed the body", async () => {
    await get("/plain")
    expect((await get("/used")).status).toBe(500)
  })

  test("leaves the connection usable for the next request", async () => {
    for (let request = 0; request < 5; request++)
      expect(await (await get("/plain")).text()).toBe("plain")
  })
})

describe("a large stored response", () => {
  const WHOLE = Buffer.from(Uint8Array.from({ length: 8 * 2 ** 20 }, (_, at) => at >> 8))
  const port = () => Number(new URL(layer.url).port)
  const request = (...fields: string[]) =>
    `GET /unsized HTTP/1.1\r\n${["Host: localhost", ...fields].join("\r\n")}\r\n\r\n`

  test("is written completely and with its length, and so is the next on the connection", async () => {
    await hitOf("/unsized")
    const client = await RawClient.connect(port())
    for (let round = 0; round < 2; round++) {
      const hit = await client.send(request()).response()
      expect([hit.status, hit.get("content-length"), hit.isComplete]).toEqual([
        200,
        String(WHOLE.length),
        true,
      ])
      expect(hit.body.equals(WHOLE)).toBe(true)
    }
    client.close()
  })

  test("is written as the requested range, and as a head for HEAD", async () => {
    await hitOf("/unsized")
    const client = await RawClient.connect(port())
    const part = await client.send(request("Range: bytes=1000-2000999")).response()
    expect([part.status, part.get("content-length")]).toEqual([206, "2000000"])
    expect(part.body.equals(WHOLE.subarray(1_000, 2_001_000))).toBe(true)
    const known = await client.send(request('If-None-Match: "v1"')).response()
    expect([known.status, known.text]).toEqual([304, ""])
    client.close()
  })

  test("is not held for 30 clients that do not read it", async () => {
    await hitOf("/unsized")
    const countHeld = async () => (await get("/held")).json() as Promise<number>
    const before = await countHeld()
    const clients = []
    for (let at = 0; at < 30; at++) clients.push(await RawClient.connect(port()))
    for (const client of clients) expect((await client.send(request()).head()).status).toBe(200)
    for (const client of clients) client.socket.pause()
    // Per client the process holds one piece in the socket and one queued, plus uncollected
    // buffers, whose number varies. If it held whole responses, that would be 240 MiB.
    expect((await countHeld()) - before).toBeLessThan((30 * WHOLE.length) / 2)
    for (const client of clients) client.close()
    expect(await (await get("/plain")).text()).toBe("plain")
  })
})
