/**
 * Errors of a sink must not escape. The tests run in child processes, because an escaped error
 * would end the process.
 */
import { runNode } from "../helpers/run-node"

/**
 * Source that uses a failing sink and writes the results of a hit, of a put whose body fails and of
 * a miss, and then the warnings. An unhandled rejection or exception ends the process with another
 * code than 0.
 */
const script = (sink: string) => `
const { Writable } = require("node:stream")
const { cache } = require("../..")
const warnings = []
process.on("warning", ({ code, message }) => warnings.push([code, message]))
const odd = Object.create(null)
const unprintable = { toString() { throw new Error("cannot be shown") }, get stack() { throw new Error("nor this") } }
const sink = ${sink}
const AT = "https://api.example.com/a"
;(async () => {
  const shop = cache({ name: "shop", ttlSeconds: 60, observability: { sink } })
  await shop.put(AT, new Response("a"))
  const hit = await (await shop.match(AT)).text()
  const failing = new Response(new ReadableStream({ pull: (controller) => controller.error("broken") }))
  const failed = await shop.put(AT, failing).then(() => "stored", (error) => error)
  const miss = await shop.match(AT + "b")
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.stdout.write(JSON.stringify({ hit, failed, miss: miss ?? null, warnings }))
})()
`

const WARNING = "a metric of the cache could not be delivered: "

async function outcomeOf(sink: string): Promise<{ warnings: [string, string][] }> {
  const { stdout } = await runNode(["-e", script(sink)], { cwd: __dirname })
  return JSON.parse(stdout)
}

const THROWN: readonly (readonly [string, string, string])[] = [
  ["an Error", 'new Error("full")', "Error: full"],
  ["a string", '"full"', "full"],
  ["a Symbol", 'Symbol("full")', "Symbol(full)"],
  ["undefined", "undefined", "undefined"],
  ["null", "null", "null"],
  ["an object without prototype", "odd", "something that cannot be shown"],
  ["an object that cannot be shown", "unprintable", "something that cannot be shown"],
]

const WAYS: readonly (readonly [string, (thrown: string) => string])[] = [
  ["a function that throws", (thrown) => `() => { throw ${thrown} }`],
  ["an async function that throws", (thrown) => `async () => { throw ${thrown} }`],
  ["an object whose write throws", (thrown) => `{ write() { throw ${thrown} } }`],
  ["an object whose async write throws", (thrown) => `{ async write() { throw ${thrown} } }`],
  [
    "an object whose write returns a thenable that rejects",
    (thrown) => `{ write: () => ({ then(_, reject) { reject(${thrown}) } }) }`,
  ],
  [
    "an object whose write returns a thenable that throws",
    (thrown) => `{ write: () => ({ get then() { throw ${thrown} } }) }`,
  ],
]

/** Rows: the first way of failing with all values, the other ways with two values. */
const ROWS = WAYS.flatMap(([way, sink], at) => {
  const thrown =
    at === 0 ? THROWN : THROWN.filter(([name]) => /^an Error$|without prototype/.test(name))
  return thrown.map(([name, value, shown]) => [way, name, sink(value), shown] as const)
})

test.each(ROWS)(
  "a sink that is %s, %s, fails no call and is warned of once",
  async (_, __, sink, shown) => {
    expect(await outcomeOf(sink)).toEqual({
      hit: "a",
      failed: "broken",
      miss: null,
      warnings: [["LAYERON_OBSERVABILITY", WARNING + shown]],
    })
  },
)

describe("a sink that is a stream of Node", () => {
  test.each([
    [
      "fails to write",
      "new Writable({ write: (_, __, done) => done(new Error('full')) })",
      "Error: full",
    ],
    [
      "fails to write at once",
      "new Writable({ write: (_, __, done) => { throw new Error('full') } })",
      "Error: full",
    ],
    [
      "was ended",
      "new Writable({ write: (_, __, done) => done() }).end()",
      "Error [ERR_STREAM_WRITE_AFTER_END]: write after end",
    ],
    [
      "was destroyed",
      "new Writable().destroy()",
      "Error [ERR_STREAM_DESTROYED]: Cannot call write after a stream was destroyed",
    ],
  ])("that %s fails no call, and is warned of once", async (_, sink, shown) => {
    expect(await outcomeOf(sink)).toEqual({
      hit: "a",
      failed: "broken",
      miss: null,
      warnings: [["LAYERON_OBSERVABILITY", WARNING + shown]],
    })
  })

  test("leaves the application's error listeners in place", async () => {
    const sink = `new Writable({ write: (_, __, done) => done(new Error("full")) })
      .on("error", (error) => process.emitWarning(error.message, { code: "HEARD" }))`
    const { warnings } = await outcomeOf(sink)
    expect(warnings.map(([code]) => code).sort()).toEqual(["HEARD", "LAYERON_OBSERVABILITY"])
  })
})

test("a closed pipe of stdout does not end a process whose sink is stdout", async () => {
  const code = `
    process.stdout.destroy()
    ${script('"stdout"').replace("process.stdout.write(", "process.stderr.write(")}`
  const { stderr } = await runNode(["--no-warnings", "-e", code], { cwd: __dirname })
  expect(JSON.parse(stderr)).toMatchObject({ hit: "a", failed: "broken", miss: null })
})
