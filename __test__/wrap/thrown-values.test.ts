/**
 * Thrown values that cannot be converted to text must not end the process. The tests run them in
 * child processes, which must exit with 0.
 */
import { runNode } from "../helpers/run-node"

const VALUES = `
const values = [
  undefined, null, "broken", Symbol("broken"), Object.create(null), { toString: () => ({}) },
  Object.assign(new Error("a"), { message: 1n }),
  Object.defineProperty(new Error("a"), "message", { get() { throw new Error("not readable") } }),
  { [Symbol.for("nodejs.util.inspect.custom")]() { throw new Error("cannot be inspected") } },
  new Proxy({}, { getPrototypeOf() { throw new Error("has no prototype") } }),
]
`

async function outputOf(script: string): Promise<unknown> {
  const { stdout } = await runNode(["--no-warnings", "-e", `${VALUES}${script}`], {
    cwd: __dirname,
  })
  return JSON.parse(stdout)
}

test("a wrapped handler may throw any value, and its caller gets that value", async () => {
  const same = await outputOf(`
    const { cache } = require("../..")
    const shop = cache({ name: "shop", ttlSeconds: 60 })
    ;(async () => {
      const same = []
      for (const [at, value] of values.entries()) {
        const handle = shop.wrap(() => { throw value })
        const caught = await handle(new Request("https://a.example/" + at)).then(() => "none", (thrown) => thrown)
        same.push(Object.is(caught, value))
      }
      process.stdout.write(JSON.stringify(same))
    })()
  `)
  expect(same).toEqual(Array.from({ length: 10 }, () => true))
})

test("a wrapped handler's body may fail with any value, for its client and in the background", async () => {
  const seen = await outputOf(`
    const { cache } = require("../..")
    const shop = cache({ name: "shop", ttlSeconds: 60, staleWhileRevalidateSeconds: 600 })
    ;(async () => {
      const seen = []
      for (const [at, value] of values.entries()) {
        let works = false
        const body = () => works ? "whole" : new ReadableStream({ pull: (controller) => controller.error(value) })
        const handle = shop.wrap(() => new Response(body()))
        const request = () => new Request("https://a.example/" + at)
        const failed = await handle(request()).then((r) => r.text()).then(() => "whole", (thrown) => thrown.name)
        works = true
        await (await handle(request())).text()
        works = false
        await shop.purge({ everything: true, soft: true })
        const stale = await (await handle(request())).text()
        await new Promise((resolve) => setImmediate(resolve))
        seen.push([failed, stale])
      }
      const { failedRefreshes } = await shop.inspect()
      process.stdout.write(JSON.stringify({ seen, failedRefreshes }))
    })()
  `)
  const each = ["TypeError", "whole"]
  expect(seen).toEqual({ seen: Array.from({ length: 10 }, () => each), failedRefreshes: 10 })
})

test("waitUntil may throw or reject with any value", async () => {
  const texts = await outputOf(`
    const { cache } = require("../..")
    const shop = cache({ name: "shop", ttlSeconds: 60 })
    ;(async () => {
      const texts = []
      for (const [at, value] of values.entries()) {
        for (const waitUntil of [() => { throw value }, async () => { throw value }]) {
          const handle = shop.wrap(() => new Response("a"), { waitUntil })
          texts.push(await (await handle(new Request("https://a.example/" + texts.length))).text())
        }
      }
      await new Promise((resolve) => setImmediate(resolve))
      process.stdout.write(JSON.stringify(texts))
    })()
  `)
  expect(texts).toEqual(Array.from({ length: 20 }, () => "a"))
})

test("a route of a backend may throw any value, and its client gets a 500", async () => {
  const statuses = await outputOf(`
    const { backend } = require("@layeron/core")
    const { cache } = require("../..")
    const cached = backend({ gateway: { cache: true } }).use(cache({ name: "shop", ttlSeconds: 60, rules: [{ path: "/*" }] }))
    ;(async () => {
      const statuses = []
      for (const app of [backend(), cached]) {
        for (const [at, value] of values.entries()) app.get("/" + at, () => { throw value })
        for (const [at] of values.entries()) statuses.push((await app.fetch(new Request("https://a.example/" + at))).status)
      }
      process.stdout.write(JSON.stringify(statuses))
    })()
  `)
  expect(statuses).toEqual(Array.from({ length: 20 }, () => 500))
})
