import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { runNode } from "../helpers/run-node"

const ROOT = join(__dirname, "../..")

/** Runs code in a new process, with `cache` in scope, and resolves to its output. */
async function runByImport(code: string): Promise<string> {
  const entryPoint = JSON.stringify(pathToFileURL(join(ROOT, "index.mjs")))
  return (
    await runNode(["--input-type=module", "-e", `import { cache } from ${entryPoint}\n${code}`])
  ).stdout
}

async function runByRequire(code: string): Promise<string> {
  const entryPoint = JSON.stringify(join(ROOT, "index.js"))
  const script = `const { cache } = require(${entryPoint})\nasync function main() {\n${code}\n}\nmain()`
  return (await runNode(["--input-type=commonjs", "-e", script])).stdout
}

/** Runs code in the main thread of a process in which only workers load the package. */
async function runWithWorkers(code: string): Promise<string> {
  const script = `${WORKERS}\nasync function main() {\n${code}\n}\nmain()`
  return (await runNode(["--input-type=commonjs", "-e", script])).stdout
}

/** Source of the class `Thread`: a worker that runs code and replies with its result. */
const WORKERS = `
const { Worker } = require("node:worker_threads")
const { once } = require("node:events")
const FACE = ${JSON.stringify(join(ROOT, "index.js"))}

class Thread {
  constructor() {
    this.worker = new Worker(\`
      const { parentPort } = require("node:worker_threads")
      const { cache } = require(\${JSON.stringify(FACE)})
      const shop = cache({ name: "shop", ttlSeconds: 600, tags: ["all"] })
      const AsyncFunction = (async () => {}).constructor
      parentPort.on("message", async (code) => {
        parentPort.postMessage(await new AsyncFunction("shop", "parentPort", code)(shop, parentPort))
      })
    \`, { eval: true })
  }
  send(code) {
    this.worker.postMessage(code)
  }
  async run(code) {
    this.send(code)
    return (await once(this.worker, "message"))[0]
  }
  end() {
    return this.worker.terminate()
  }
}
`

const PUT_AND_MATCH = `
const shop = cache({ name: "shop", ttlSeconds: 600 })
await shop.put("https://a.example/", new Response("kept"))
console.log(await (await shop.match("https://a.example/")).text())
`

describe.each([
  ["import", runByImport],
  ["require", runByRequire],
])("a process that loads the package by %s", (_, run) => {
  test("exits by itself if it does not use it", async () => {
    expect(await run("console.log(typeof cache)")).toBe("function\n")
  })

  test("exits by itself even if an entry that it has put is fresh", async () => {
    expect(await run(PUT_AND_MATCH)).toBe("kept\n")
  })
})

describe("two worker threads", () => {
  test("see each other's entries, and a purge by one reaches both", async () => {
    const output = await runWithWorkers(`
      const [one, two] = [new Thread(), new Thread()]
      const read = 'return (await shop.match("https://a.example/"))?.text() ?? "nothing"'
      await one.run('await shop.put("https://a.example/", new Response("from one"))')
      console.log(await two.run(read))
      console.log(JSON.stringify(await two.run('return shop.purge({ tags: ["all"] })')))
      console.log(await one.run(read), await two.run(read))
      console.log(JSON.stringify(await one.run('return shop.stats()')))
      await Promise.all([one.end(), two.end()])
    `)

    expect(output).toBe(`from one
{"purged":1}
nothing nothing
{"hits":1,"misses":2,"puts":1,"deletes":0,"purges":1}
`)
  })

  test("are independent: one that is terminated during puts leaves complete entries and a working cache", async () => {
    const output = await runWithWorkers(`
      const { cache } = require(FACE)
      const shop = cache({ name: "shop", ttlSeconds: 600, tags: ["all"] })
      const survivor = new Thread()
      await survivor.run('await shop.put("https://a.example/survivor", new Response("whole"))')
      for (let round = 0; round < 5; round++) {
        const victim = new Thread()
        await victim.run(\`
          const put = (n) => shop.put("https://a.example/" + n, new Response(String(n % 10).repeat(2_000)))
          for (let n = 0; n < 100; n++) await put(n)
          setImmediate(async () => { for (let n = 0; ; n++) await put(n % 500) })
        \`)
        await new Promise((resolve) => setTimeout(resolve, 20 * round))
        await victim.end()
      }
      let whole = 0
      for (let n = 0; n < 500; n++) {
        const found = await (await shop.match("https://a.example/" + n))?.text()
        if (found === undefined) continue
        if (found !== String(n % 10).repeat(2_000)) throw new Error("torn: " + n)
        whole++
      }
      const { entries, bytes } = await shop.inspect()
      console.log(whole >= 100, entries === whole + 1, bytes > 2_000 * whole)
      console.log(await survivor.run('return (await shop.match("https://a.example/survivor")).text()'))
      console.log((await shop.purge({ tags: ["all"] })).purged === entries, (await shop.inspect()).bytes)
      await shop.put("https://a.example/after", new Response("works on"))
      console.log(await survivor.run('return (await shop.match("https://a.example/after")).text()'))
      await survivor.end()
    `)

    expect(output).toBe("true true true\nwhole\ntrue 0\nworks on\n")
  })
})

test("the entries of the only worker with the package end with it, and the next worker works like the first", async () => {
  const output = await runWithWorkers(`
    const first = new Thread()
    await first.run('await shop.put("https://a.example/", new Response("left behind"))')
    await first.end()
    const next = new Thread()
    console.log(await next.run('return (await shop.match("https://a.example/")) === undefined'))
    await next.run('await shop.put("https://a.example/", new Response("put anew"))')
    const { cache } = require(FACE)
    const shop = cache({ name: "shop", ttlSeconds: 600, tags: ["all"] })
    await next.end()
    console.log(await (await shop.match("https://a.example/")).text())
  `)

  expect(output).toBe("true\nput anew\n")
})
