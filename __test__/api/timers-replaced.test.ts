/**
 * Applications' tests replace timers. That must neither stop the sweeper for good nor keep a
 * process from exiting.
 */
import { setTimeout as pause } from "node:timers/promises"
import { freshCache, get } from "../helpers/cache"
import { runNode } from "../helpers/run-node"

/** Source that replaces timers and restores them, by library. */
const REPLACED: Readonly<Record<string, readonly [replace: string, restore: string]>> = {
  "@sinonjs/fake-timers, which Vitest and Sinon use": [
    `const clock = require("@sinonjs/fake-timers").install({ now: 0, toNotFake: ["Date", "nextTick", "queueMicrotask"] })`,
    "clock.uninstall()",
  ],
  "the mock timers of node:test": [
    `const { mock } = require("node:test"); mock.timers.enable({ apis: ["setTimeout", "setInterval", "setImmediate"] })`,
    "mock.timers.reset()",
  ],
  "functions that return nothing": [
    `const kept = {}
     for (const module_ of [globalThis, require("node:timers")])
       for (const name of ["setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "clearImmediate"])
         (kept[name] ??= []).push([module_, module_[name]]), (module_[name] = () => undefined)`,
    "for (const [name, all] of Object.entries(kept)) for (const [module_, own] of all) module_[name] = own",
  ],
}

const LOAD = `const { cache } = require("../..")`
const DECLARE = `
const shop = cache({ name: "shop", ttlSeconds: 1 })
const AT = (n) => "https://api.example.com/" + n`

/** Orders of loading the package, declaring an instance, replacing timers and restoring them. */
const ORDERS: Readonly<Record<string, (replace: string, restore: string) => string>> = {
  "loaded and declared while they are replaced, and used when they are restored": (
    replace,
    restore,
  ) => `${replace};${LOAD};${DECLARE};${restore}`,
  "declared while they are replaced, and used when they are restored": (replace, restore) =>
    `${LOAD};${replace};${DECLARE};${restore}`,
  "loaded, declared and used while they are replaced": (replace) => `${replace};${LOAD};${DECLARE}`,
  "declared before they are replaced, and used then": (replace) => `${LOAD};${DECLARE};${replace}`,
}

/**
 * Source that expects the sweeper to remove more entries than it sweeps at a time. It counts them
 * with the clock set back, so that `match` does not remove expired ones.
 */
const script = (begin: string) => `
const { setTimeout: realTimeout } = globalThis
const wait = () => new Promise((resolve) => realTimeout(resolve, 20))
let now = 1e12
Date.now = () => now
${begin}
;(async () => {
  const ENTRIES = 1500
  for (let n = 0; n < ENTRIES; n++) await shop.put(AT(n), new Response("a"))
  const held = async () => {
    const clock = now
    now = 1e12
    let count = 0
    for (let n = 0; n < ENTRIES; n++) if (await shop.match(AT(n))) count++
    now = clock
    return count
  }
  const before = await held()
  now += 1000
  const deadline = performance.now() + 10_000
  while ((await held()) > 0 && performance.now() < deadline) await wait()
  process.stdout.write(JSON.stringify([before, await held()]))
})()
`

const ROWS = Object.entries(REPLACED).flatMap(([by, [replace, restore]]) =>
  Object.entries(ORDERS).map(([order, begin]) => [by, order, begin(replace, restore)] as const),
)

test.concurrent.each(ROWS)(
  "timers replaced by %s: an instance %s is swept",
  async (_, __, begin) => {
    const { stdout, stderr } = await runNode(["--no-warnings", "-e", script(begin)], {
      cwd: __dirname,
    })
    expect([stdout, stderr]).toEqual(["[1500,0]", ""])
  },
)

describe.each([
  ["modern", {}],
  ["legacy", { legacyFakeTimers: true }],
] as const)("the %s fake timers of Jest", (_, options) => {
  afterEach(() => {
    jest.useRealTimers()
    jest.restoreAllMocks()
  })

  test("do not stop the sweeper of an instance that is declared under them after they are restored", async () => {
    jest.useFakeTimers({
      ...options,
      ...("legacyFakeTimers" in options ? {} : { doNotFake: ["Date", "performance"] }),
    })
    const module = freshCache({ ttlSeconds: 1 })
    await module.put(get("/a"), new Response("a"))
    jest.useRealTimers()
    const start = Date.now()
    const clock = jest.spyOn(Date, "now").mockReturnValue(start + 1_000_000)
    const countHeld = async () => {
      clock.mockReturnValue(start)
      const found = await module.match(get("/a"))
      clock.mockReturnValue(start + 1_000_000)
      return found !== undefined
    }
    for (
      const deadline = performance.now() + 10_000;
      (await countHeld()) && performance.now() < deadline;
    )
      await pause(20)
    expect(await countHeld()).toBe(false)
  })
})

describe("a setTimeout that", () => {
  test.each([
    ["returns nothing", "globalThis.setTimeout = () => undefined"],
    ["throws", "globalThis.setTimeout = () => { throw new Error('no timers') }"],
    ["is missing", "globalThis.setTimeout = undefined"],
    [
      "returns a timer whose methods throw",
      `const fail = () => { throw new Error("no timers") }
       globalThis.setTimeout = () => ({ unref: fail, refresh: fail })
       globalThis.clearTimeout = fail`,
    ],
    [
      "returns nothing, everywhere and with all others,",
      REPLACED["functions that return nothing"]![0],
    ],
  ])("%s ends no process on a stale hit, a wait or a failure", async (_, replace) => {
    const { stdout } = await runNode(
      [
        "-e",
        `
        const { cache } = require("../..")
        ${replace}
        const shop = cache({ name: "shop", ttlSeconds: 60, staleWhileRevalidateSeconds: 600 })
        let runs = 0
        const handle = shop.wrap(async () => new Response("run " + ++runs))
        const request = () => new Request("https://api.example.com/a")
        const read = async () => (await handle(request())).text()
        ;(async () => {
          const cold = await Promise.all([read(), read(), read()])
          await shop.purge({ everything: true, soft: true })
          const stale = await read()
          while ((await shop.inspect()).oldestEntrySeconds === null || runs < 2) await null
          process.stdout.write(JSON.stringify([cold, stale, runs]))
        })()`,
      ],
      { cwd: __dirname },
    )
    expect(JSON.parse(stdout)).toEqual([["run 1", "run 1", "run 1"], "run 1", 2])
  })
})

test("a process that has declared an instance ends by itself", async () => {
  const code = `${LOAD};${DECLARE};shop.put(AT(1), new Response("a")).then(() => process.stdout.write("stored"))`
  expect((await runNode(["-e", code], { cwd: __dirname, timeout: 10_000 })).stdout).toBe("stored")
})

test("a worker that has declared an instance ends by itself, and the sweeper of another thread continues", async () => {
  const code = script(`
    ${LOAD};${DECLARE}
    const { Worker } = require("node:worker_threads")
    new Worker('require(process.cwd() + "/../..").cache({ name: "shop", ttlSeconds: 1 })', { eval: true })
      .on("exit", (code) => { if (code !== 0) process.exitCode = code })`)
  expect((await runNode(["-e", code], { cwd: __dirname })).stdout).toBe("[1500,0]")
})
