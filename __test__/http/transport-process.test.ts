import { once } from "node:events"
import { createServer } from "node:net"
import { join } from "node:path"
import { Layer } from "../helpers/layer-dev"
import { RawClient } from "../helpers/raw-client"
import { answer, gate, ScriptedOrigin } from "../helpers/scripted-origin"

const PROXY = join(__dirname, "../../examples/reverse-proxy")

let origin: ScriptedOrigin
let started: Layer[]

beforeEach(async () => {
  origin = await ScriptedOrigin.listen()
  started = []
})

afterEach(async () => {
  for (const command of started) await command.stop("SIGKILL")
  await origin.close()
})

function run(env: NodeJS.ProcessEnv): Layer {
  const command = new Layer([], join(__dirname, "../.."), env, PROXY)
  started.push(command)
  return command
}

/** Waits until the port refuses connections. */
async function refused(port: number): Promise<void> {
  for (;;) {
    try {
      ;(await RawClient.connect(port)).close()
    } catch {
      return
    }
  }
}

async function serve(env: NodeJS.ProcessEnv = {}): Promise<{ command: Layer; port: number }> {
  const command = run({ UPSTREAM: origin.url, ...env })
  await command.waitFor("\n")
  return { command, port: Number(new URL(command.url).port) }
}

test("the proxy prints its address and upstream, and caches as the origin declares", async () => {
  origin.script("/a", answer({ fields: { "Cache-Control": "max-age=60" }, body: "kept" }))
  const { command, port } = await serve()
  expect(command.output).toBe(`Listening on http://127.0.0.1:${port} for ${origin.url}\n`)
  const texts = []
  for (let n = 0; n < 2; n++) texts.push(await (await fetch(`http://127.0.0.1:${port}/a`)).text())
  expect([texts, origin.requests().length]).toEqual([["kept", "kept"], 1])
})

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s ends the process once its responses are complete",
  async (signal) => {
    const { command, port } = await serve()
    const isStopping = gate()
    origin.script("/a", async ({ write }) => {
      await isStopping.opened
      await write(answer({ body: "to the end" }))
    })
    const client = await RawClient.connect(port)
    client.send({ target: "/a" })
    await origin.received("/a")
    const stopped = command.stop(signal)
    await refused(port)
    isStopping.open()
    const response = await client.response()
    expect([response.text, response.get("connection")]).toEqual(["to the end", "close"])
    expect(await stopped).toBe(0)
  },
)

test("a failure of the origin is logged in one line", async () => {
  const { command, port } = await serve()
  origin.script("/a?b", ({ end }) => end())
  expect((await fetch(`http://127.0.0.1:${port}/a?b`)).status).toBe(502)
  await command.waitFor("GET /a?b: UND_ERR_SOCKET other side closed\n")
})

test("UPSTREAM_TIMEOUT_MS limits the wait for the head", async () => {
  const { port } = await serve({ UPSTREAM_TIMEOUT_MS: "1" })
  origin.script("/a", (exchange) => exchange.closedByPeer())
  expect((await fetch(`http://127.0.0.1:${port}/a`)).status).toBe(504)
})

const UPSTREAM = "UPSTREAM must be an http: or https: URL without path, query and credentials, not"

test.each<[string, NodeJS.ProcessEnv, string]>([
  ["no UPSTREAM", {}, "UPSTREAM must be set, for example UPSTREAM=http://127.0.0.1:8000"],
  ...[
    "127.0.0.1:8000",
    "ftp://a.example",
    "http://a.example/b",
    "http://a.example/?b",
    "http://u:p@a.example",
  ].map(
    (url) =>
      [`UPSTREAM=${url}`, { UPSTREAM: url }, `${UPSTREAM} "${url}"`] as [
        string,
        NodeJS.ProcessEnv,
        string,
      ],
  ),
  ...["x", "-1", "65536", "80.5"].map(
    (port) =>
      [
        `PORT=${port}`,
        { UPSTREAM: "http://127.0.0.1:1", PORT: port },
        `PORT must be a whole number from 0 to 65535, not "${port}"`,
      ] as [string, NodeJS.ProcessEnv, string],
  ),
  [
    "UPSTREAM_TIMEOUT_MS=0",
    { UPSTREAM: "http://127.0.0.1:1", UPSTREAM_TIMEOUT_MS: "0" },
    'UPSTREAM_TIMEOUT_MS must be a whole number from 1 to 2147483647, not "0"',
  ],
])("%s is refused with a message and exit code 1", async (_name, env, message) => {
  const command = run(env)
  expect([await command.exited(), command.output]).toEqual([1, `${message}\n`])
})

test("a port in use is refused with a message and exit code 1", async () => {
  const taken = createServer().listen(0, "127.0.0.1")
  await once(taken, "listening")
  const { port } = taken.address() as { port: number }
  const command = run({ UPSTREAM: origin.url, PORT: String(port) })
  expect([await command.exited(), command.output]).toEqual([
    1,
    `Port ${port} on 127.0.0.1 is in use. Stop what listens there, or choose another with PORT.\n`,
  ])
  taken.close()
})
