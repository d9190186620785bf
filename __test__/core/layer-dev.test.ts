import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { Layer, startLayerDev, temporaryProject } from "../helpers/layer-dev"

const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function project(files: Record<string, string>): string {
  const { path, remove } = temporaryProject(files)
  cleanUps.push(remove)
  return path
}

async function start(
  files: Record<string, string>,
  entry?: string,
  env: NodeJS.ProcessEnv = {},
): Promise<{ layer: Layer; path: string }> {
  const path = project(files)
  const layer = await startLayerDev(entry, path, env)
  cleanUps.push(() => layer.stop())
  return { layer, path }
}

/** Runs a command that must exit by itself. */
async function run(args: string[], cwd: string, env: NodeJS.ProcessEnv = {}) {
  const layer = new Layer(args, cwd, env)
  cleanUps.push(() => layer.stop())
  return { code: await layer.exited(), output: layer.output }
}

async function getJson(url: string): Promise<unknown> {
  return (await fetch(url)).json()
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const TS_APP = `
import { backend } from "@layeron/core"
import { word } from "./word"
const app = backend({ endpoint: "https://api.example.com/v1" })
app.get("/word", (): { word: string } => ({ word }))
app.get("/pid", () => process.pid)
app.get("/boom", () => { throw new Error("the secret") })
app.get("/globals", (request: Request) => ({ url: new Request(request).url, own: request.constructor === Request }))
app.post("/echo", async (request: Request) => request.json())
export default app
`
const TS_FILES = { "app.ts": TS_APP, "word.ts": 'export const word: string = "one"' }
const JS_APP =
  'const { backend } = require("@layeron/core"); module.exports = backend().get("/", () => process.pid)'
const ESM_APP =
  'import { backend } from "@layeron/core"; await 1; export default backend().get("/", () => "esm")'

describe("entries", () => {
  test("a TypeScript entry is found, served under its base path and for localhost", async () => {
    const { layer } = await start(TS_FILES)
    expect(layer.output).toMatch(/^Listening on http:\/\/localhost:\d+\/v1\n$/)
    expect(await getJson(`${layer.url}/word`)).toEqual({ word: "one" })
    expect((await fetch(new URL("/word", layer.url))).status).toBe(404)
    const echo = await fetch(`${layer.url}/echo`, { method: "POST", body: '{"a":1}' })
    expect(await echo.json()).toEqual({ a: 1 })
  })

  test("handlers get the platform's own Request", async () => {
    const { layer } = await start(TS_FILES)
    expect(await getJson(`${layer.url}/globals`)).toEqual({
      url: `${layer.url}/globals`,
      own: true,
    })
  })

  test("a failing handler is a 500 without the error, which is written with its stack", async () => {
    const { layer } = await start(TS_FILES)
    const response = await fetch(`${layer.url}/boom`)
    expect([response.status, (await response.text()).includes("secret")]).toEqual([500, false])
    await layer.waitFor("GET /v1/boom failed: Error: the secret")
    await layer.waitFor("app.ts:7")
  })

  test("over HTTP, HEAD has GET's headers and a missing method has Allow", async () => {
    const { layer } = await start(TS_FILES)
    const head = await fetch(`${layer.url}/word`, { method: "HEAD" })
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
      200,
      "application/json",
      "",
    ])
    const post = await fetch(`${layer.url}/word`, { method: "POST", body: "x" })
    expect([post.status, post.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"])
  })

  test.each<[string, Record<string, string>, string]>([
    ["a CommonJS entry", { "app.js": JS_APP }, "app.js"],
    ["an ESM entry with top-level await", { "app.mjs": ESM_APP }, "app.mjs"],
    [
      "an ESM TypeScript entry",
      { "package.json": '{"type":"module"}', "src/app.ts": ESM_APP },
      join("src", "app.ts"),
    ],
    [
      "any object with a fetch function",
      { "any.mjs": 'export default { fetch: () => new Response("1") }' },
      "any.mjs",
    ],
  ])("%s is served", async (_name, files, entry) => {
    const { layer } = await start(files, entry)
    expect((await fetch(layer.url)).status).toBe(200)
  })

  test("a fetch function that throws is a 500, and its error is written", async () => {
    const files = { "app.mjs": 'export default { fetch() { throw new Error("the secret") } }' }
    const { layer } = await start(files)
    const response = await fetch(layer.url)
    expect([response.status, (await response.text()).includes("secret")]).toEqual([500, false])
    await layer.waitFor("GET / failed: Error: the secret")
  })
})

describe("changes", () => {
  test("a change of an imported file is served after a restart, on the same port", async () => {
    const { layer, path } = await start(TS_FILES)
    const { url } = layer
    await layer.changeUntil(
      join(path, "word.ts"),
      'export const word: string = "two"',
      "Listening on ",
      2,
    )
    expect(layer.url).toBe(url)
    expect(await getJson(`${url}/word`)).toEqual({ word: "two" })
  })

  test.each([
    ["a syntax error", "export default = 1", "Unexpected"],
    ["a throw", 'throw new Error("not today")', "not today"],
    ["no default export", "export const app = 1", "app.ts has no default export"],
    [
      "a default export without fetch",
      "export default { port: 1 }",
      "must be what backend() returns",
    ],
  ])(
    "an entry with %s is reported, and is served when it is repaired",
    async (_name, broken, message) => {
      const path = project({ ...TS_FILES, "app.ts": broken })
      const layer = new Layer(["dev"], path)
      cleanUps.push(() => layer.stop())
      await layer.waitFor("Waiting for a change.")
      expect(layer.output).toContain(message)
      await layer.changeUntil(join(path, "app.ts"), TS_APP, "Listening on ", 1)
      expect(await getJson(`${layer.url}/word`)).toEqual({ word: "one" })
    },
  )

  test("an error during loading is shown with its location", async () => {
    const layer = new Layer(["dev"], project({ "app.ts": '\n\nthrow new Error("not today")' }))
    cleanUps.push(() => layer.stop())
    await layer.waitFor("Waiting for a change.")
    expect(layer.output).toMatch(/^Cannot load app\.ts: Error: not today\n\s+at .*app\.ts:3/)
  })
})

describe("the end of layer dev", () => {
  test.each<NodeJS.Signals>(["SIGTERM", "SIGINT"])(
    "%s ends with code 0 and leaves no process",
    async (signal) => {
      const { layer } = await start({ "app.js": JS_APP })
      const pid = (await getJson(layer.url)) as number
      expect(isRunning(pid)).toBe(true)
      expect(await layer.stop(signal)).toBe(0)
      expect(isRunning(pid)).toBe(false)
    },
  )

  test("SIGTERM while waiting for a change ends with code 0", async () => {
    const layer = new Layer(["dev"], project({ "app.js": "throw 1" }))
    await layer.waitFor("Waiting for a change.")
    expect(await layer.stop()).toBe(0)
  })

  test("a killed command takes its server with it", async () => {
    const { layer } = await start({ "app.js": JS_APP })
    // Resolves when the output closes, that is, when the last process with the pipe has ended.
    await layer.stop("SIGKILL")
    await expect(fetch(layer.url)).rejects.toThrow("fetch failed")
  })
})

describe("commands that cannot start", () => {
  test("an entry that does not exist ends with code 1 and its path", async () => {
    const path = project({})
    const { code, output } = await run(["dev", "missing.ts"], path)
    expect([code, output]).toEqual([1, `layer: Entry not found: ${join(path, "missing.ts")}\n`])
  })

  test("without an entry it ends with code 1 and the names that were tried", async () => {
    const { code, output } = await run(["dev"], project({}))
    expect(code).toBe(1)
    expect(output).toContain("app.ts, app.js, app.mjs, src/app.ts, src/app.js, index.ts, index.js")
  })

  test("a port in use ends with code 1 and its number", async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    cleanUps.push(() => server.close())
    const PORT = String((server.address() as AddressInfo).port)
    const { code, output } = await run(["dev"], project({ "app.js": JS_APP }), { PORT })
    expect(code).toBe(1)
    expect(output).toContain(`Port ${PORT} on 127.0.0.1 is in use`)
  })

  test.each(["-1", "65536", "80a", "8.5"])("PORT=%s is refused", async (PORT) => {
    const { code, output } = await run(["dev"], project({ "app.js": JS_APP }), { PORT })
    expect([code, output]).toEqual([
      1,
      `layer: PORT must be a whole number from 0 to 65535, not "${PORT}"\n`,
    ])
  })

  test.each([[[]], [["serve"]], [["dev", "a.ts", "b.ts"]], [["dev", "--port"]]])(
    "layer %j ends with code 1",
    async (args) => {
      const { code, output } = await run(args, project({}))
      expect(code).toBe(1)
      expect(output).toMatch(/^layer: /)
    },
  )
})

test("--version prints the package's version", async () => {
  const { version } = jest.requireActual("@layeron/core/package.json")
  expect(await run(["--version"], project({}))).toEqual({ code: 0, output: `${version}\n` })
})

test("--help prints the commands and the environment", async () => {
  const { code, output } = await run(["--help"], project({}))
  expect(code).toBe(0)
  expect(output).toContain("layer dev [entry]")
  expect(output).toContain("PORT")
  expect(output).toContain("HOST")
})
