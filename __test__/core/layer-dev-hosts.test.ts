import { readAllowedHosts } from "../../packages/core/ts/allowed-hosts"
import { Layer, startLayerDev, temporaryProject } from "../helpers/layer-dev"
import { RawClient, type RawResponse } from "../helpers/raw-client"
import type { Bytes } from "../helpers/wire"

/** Source of an app that returns the URL, key and Host of a request, and serves one cached page. */
const APP = `
import { backend } from "@layeron/core"
import { cache } from "@layeron/modules"
const pages = cache({ name: "pages", ttlSeconds: 60 })
const app = backend()
app.get("/seen", (request) => ({
  url: request.url, key: pages.key(request).replace(/#.*/, ""), host: request.headers.get("host"),
}))
app.get("/other", (request) => ({ host: request.headers.get("host") }))
app.post("/echo", async (request) => ({ url: request.url, body: await request.text() }))
export default app
`

const projects: (() => void)[] = []
const layers: Layer[] = []

afterAll(async () => {
  for (const layer of layers) await layer.stop()
  for (const remove of projects) remove()
})

async function start(env: NodeJS.ProcessEnv = {}, args?: readonly string[]): Promise<Layer> {
  const { path, remove } = temporaryProject({ "app.mjs": APP })
  projects.push(remove)
  if (args === undefined) {
    const layer = await startLayerDev("app.mjs", path, env)
    layers.push(layer)
    return layer
  }
  const layer = new Layer(["dev", "app.mjs", ...args], path, env)
  layers.push(layer)
  await layer.waitFor("Listening on ")
  return layer
}

const portOf = (layer: Layer) => Number(new URL(layer.url).port)

async function send(layer: Layer, bytes: Bytes): Promise<RawResponse> {
  const client = await RawClient.connect(portOf(layer))
  try {
    return await client.send(bytes).response()
  } finally {
    client.close()
  }
}

const json = (response: RawResponse) => JSON.parse(response.text)

/** Sends a GET of `/seen` with this Host. */
const seenBy = (layer: Layer, host: string) =>
  send(layer, `GET /seen HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

const HEAD = (target: string, ...fields: string[]) =>
  `GET ${target} HTTP/1.1\r\n${fields.join("\r\n")}\r\n\r\n`

describe("layer dev without further settings", () => {
  let layer: Layer
  beforeAll(async () => {
    layer = await start()
  })

  test.each([
    [
      "two Host fields",
      HEAD("/seen", "Host: localhost", "Host: evil.example"),
      "no more than one Host",
    ],
    [
      "two equal Host fields",
      HEAD("/seen", "Host: localhost", "host: localhost"),
      "no more than one Host",
    ],
    [
      "two Host fields beside an absolute target",
      HEAD("http://localhost/seen", "Host: localhost", "Host: evil.example"),
      "no more than one Host",
    ],
    ["no Host field", "GET /seen HTTP/1.1\r\n\r\n", "must have a Host"],
    [
      "no Host field beside an absolute target",
      "GET http://localhost/seen HTTP/1.1\r\n\r\n",
      "must have a Host",
    ],
    ["no Host field in HTTP/1.0", "GET /seen HTTP/1.0\r\n\r\n", "must have a Host"],
    ["an empty Host field", HEAD("/seen", "Host: "), "must be a host name"],
    ["a user in Host", HEAD("/seen", "Host: evil.example@localhost"), "must be a host name"],
    ["a path in Host", HEAD("/seen", "Host: localhost/a"), "must be a host name"],
    ["two names in Host", HEAD("/seen", "Host: localhost, evil.example"), "must be a host name"],
    [
      "an absolute target with a user",
      HEAD("http://u@localhost/seen", "Host: localhost"),
      "must be a host name",
    ],
    [
      "an absolute target without a host",
      HEAD("http:///seen", "Host: localhost"),
      "must be a host name",
    ],
    [
      "an absolute target of another scheme",
      HEAD("https://localhost/seen", "Host: localhost"),
      "absolute http: URL",
    ],
    [
      "an asterisk as its target",
      "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "must be a path",
    ],
  ])("refuses %s with 400 and ends the connection", async (_, bytes, message) => {
    const client = await RawClient.connect(portOf(layer))
    const response = await client.send(bytes).response()
    expect([response.status, response.get("connection")]).toEqual([400, "close"])
    expect(json(response)).toEqual({
      error: { code: "bad_request", message: expect.stringContaining(message) },
    })
    expect(await client.readToEnd()).toBe("")
  })

  test("takes the authority of an absolute target over Host, in the URL, the key and the Host field", async () => {
    const port = portOf(layer)
    const response = await send(
      layer,
      HEAD(`http://a.localhost:${port}/seen?b=1`, "Host: b.localhost"),
    )
    const url = `http://a.localhost:${port}/seen?b=1`
    expect(json(response)).toEqual({ url, key: url, host: `a.localhost:${port}` })
  })

  test("takes an absolute target without a path, and one in HTTP/1.0 without Host", async () => {
    const root = await send(layer, HEAD("http://localhost?a", "Host: localhost"))
    expect(root.status).toBe(404)
    const old = await send(layer, "GET http://localhost/seen HTTP/1.0\r\n\r\n")
    expect(json(old)).toEqual({
      url: "http://localhost/seen",
      key: "http://localhost/seen",
      host: "localhost",
    })
  })

  test("refuses an absolute target with an unknown host even if Host is known, but not the reverse", async () => {
    const unknown = await send(layer, HEAD("http://evil.example/seen", "Host: localhost"))
    expect(unknown.status).toBe(403)
    const known = await send(layer, HEAD("http://localhost/seen", "Host: evil.example"))
    expect(json(known)).toMatchObject({ url: "http://localhost/seen", host: "localhost" })
  })

  test.each([
    ["localhost", "localhost"],
    ["LOCALHOST:1", "localhost:1"],
    ["localhost.", "localhost."],
    ["shop.localhost", "shop.localhost"],
    ["127.0.0.1:8787", "127.0.0.1:8787"],
    ["127.1", "127.0.0.1"],
    ["192.168.0.7", "192.168.0.7"],
    ["[::1]:8787", "[::1]:8787"],
    ["[fe80::1]", "[fe80::1]"],
  ])("answers for the host %s", async (host, spelled) => {
    const response = await seenBy(layer, host)
    const url = `http://${spelled}/seen`
    expect([response.status, json(response)]).toEqual([200, { url, key: url, host: spelled }])
  })

  test.each([
    "evil.example",
    "evil.example:8787",
    "localhost.evil.example",
    "notlocalhost",
    "127.0.0.1.evil.example",
    "xn--bcher-kva.example",
  ])("refuses the unknown host %s with 403 and describes how to allow it", async (host) => {
    const response = await seenBy(layer, host)
    const name = host.replace(/:\d+$/, "")
    const message = `layer dev does not answer for the host "${name}". To allow it, start with --allowed-host ${name}, or list it in LAYERON_ALLOWED_HOSTS.`
    expect([response.status, json(response)]).toEqual([
      403,
      { error: { code: "host_not_allowed", message } },
    ])
  })

  test("reads the body of a request with an absolute target", async () => {
    const bytes =
      "POST http://localhost/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody"
    expect(json(await send(layer, bytes))).toEqual({ url: "http://localhost/echo", body: "body" })
  })
})

describe("layer dev with allowed hosts", () => {
  test("answers for those of LAYERON_ALLOWED_HOSTS, and for subdomains of one with a dot", async () => {
    const layer = await start({ LAYERON_ALLOWED_HOSTS: "shop.test, .Preview.example" })
    const statuses = new Map<string, number>()
    for (const host of [
      "shop.test",
      "SHOP.TEST:1",
      "a.shop.test",
      "preview.example",
      "a.b.preview.example",
      "xpreview.example",
    ]) {
      statuses.set(host, (await seenBy(layer, host)).status)
    }
    expect(Object.fromEntries(statuses)).toEqual({
      "shop.test": 200,
      "SHOP.TEST:1": 200,
      "a.shop.test": 403,
      "preview.example": 200,
      "a.b.preview.example": 200,
      "xpreview.example": 403,
    })
  })

  test("answers for those of --allowed-host beside those of the environment, and for HOST", async () => {
    const args = ["--allowed-host", "a.test", "--allowed-host=b.test"]
    const layer = await start({ LAYERON_ALLOWED_HOSTS: "c.test", HOST: "127.0.0.1" }, args)
    const hosts = ["a.test", "b.test", "c.test", "127.0.0.1", "d.test"]
    const statuses = []
    for (const host of hosts) statuses.push((await seenBy(layer, host)).status)
    expect(statuses).toEqual([200, 200, 200, 200, 403])
  })

  test.each([
    ["--allowed-host", ["--allowed-host", "http://a.test"], {}],
    ["--allowed-host", ["--allowed-host", "a.test:8787"], {}],
    ["LAYERON_ALLOWED_HOSTS", [], { LAYERON_ALLOWED_HOSTS: "a.test,*" }],
  ])("does not start if %s has a value that is not a host name", async (source, args, env) => {
    const { path, remove } = temporaryProject({ "app.mjs": APP })
    projects.push(remove)
    const layer = new Layer(["dev", "app.mjs", ...args], path, env)
    expect(await layer.exited()).toBe(1)
    expect(layer.output).toContain(`layer: ${source} must have host names without a port`)
  })

  test("answers for the name in HOST", () => {
    const hosts = readAllowedHosts({ HOST: "Dev-Machine" })
    const names = ["dev-machine", "dev-machine:8787", "a.dev-machine", "other"]
    expect(names.map((name) => hosts.allow(name))).toEqual([true, true, false, false])
  })

  test("is described by --help", async () => {
    const { path, remove } = temporaryProject({})
    projects.push(remove)
    const layer = new Layer(["--help"], path)
    await layer.exited()
    expect(layer.output).toContain("--allowed-host <name>")
    expect(layer.output).toContain("LAYERON_ALLOWED_HOSTS")
  })
})
