import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runNode } from "../helpers/run-node"

const ROOT = join(__dirname, "../..")
const AT = "https://a.example/"

/** Runs a script with access to the garbage collector; resolves to its output. */
async function run(script: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  const source = `
    const { readdirSync } = require("node:fs")
    const { once } = require("node:events")
    const { Worker } = require("node:worker_threads")
    const FACE = ${JSON.stringify(ROOT)}
    const { cache } = require(FACE)
    const AT = ${JSON.stringify(AT)}
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    async function collect(isDone) {
      for (let n = 0; n < 2_000 && !(await isDone()); n++) {
        gc()
        await turn()
      }
    }
    const threads = () => readdirSync("/proc/self/task").length
    const files = () => readdirSync("/proc/self/fd").length
    const read = async (module_) => (await (await module_.match(AT))?.text()) ?? "nothing"
    async function worker(source) {
      const started = new Worker(\`
        const { cache } = require(\${JSON.stringify(FACE)})
        const { parentPort } = require("node:worker_threads")
        globalThis.kept = cache({ name: "shop", ttlSeconds: 600 })
        kept.put(\${JSON.stringify(AT)}, new Response("from a worker")).then(() => parentPort.postMessage(""))
        parentPort.on("message", () => {})
      \`, { eval: true })
      await once(started, "message")
      return started
    }
    ;(async () => { ${script} })()`
  const options = { timeout: 60_000, env: { ...process.env, ...env } }
  const { stdout, stderr } = await runNode(["--expose-gc", "-e", source], options)
  return stdout + stderr
}

describe("an instance ends", () => {
  test("when its only declaration has been collected", async () => {
    const output = await run(`
      let seen
      const declare = async () => {
        const module_ = cache({ name: "shop", ttlSeconds: 600 })
        await module_.put(AT, new Response("x"))
      }
      await declare()
      await collect(async () => {
        // This declaration holds the instance, so the next check needs another collection.
        seen = await read(cache({ name: "shop", ttlSeconds: 600 }))
        return seen === "nothing"
      })
      console.log(seen)`)
    expect(output).toBe("nothing\n")
  })

  test("when the worker thread that has declared it has ended", async () => {
    const output = await run(`
      const first = await worker()
      await first.terminate()
      console.log(await read(cache({ name: "shop", ttlSeconds: 600 })))`)
    expect(output).toBe("nothing\n")
  })

  test("and releases its threads and files, with a disk too", async () => {
    const folder = mkdtempSync(join(tmpdir(), "layeron-"))
    const output = await run(
      `
      const before = [threads(), files()]
      for (let n = 0; n < 20; n++) {
        const started = await worker()
        await started.terminate()
      }
      await collect(async () => threads() <= before[0] + 4 && files() <= before[1] + 4)
      console.log(threads() <= before[0] + 4, files() <= before[1] + 4)`,
      { LAYERON_CACHE_STORAGE: `file:${folder}` },
    )
    rmSync(folder, { recursive: true })
    expect(output).toBe("true true\n")
  })
})

describe("an instance continues", () => {
  test("while its wrapped handler is referenced", async () => {
    const output = await run(`
      const wrap = () => cache({ name: "shop" }).wrap(async () => new Response("x"), { ttlSeconds: 600 })
      const handler = wrap()
      await (await handler(new Request(AT))).text()
      await turn()
      for (let n = 0; n < 20; n++) { gc(); await turn() }
      const hit = await handler(new Request(AT))
      console.log(hit.headers.get("cache-status").split(";")[1])`)
    expect(output).toBe(" hit\n")
  })

  test("while another thread references a declaration of it", async () => {
    const output = await run(`
      const own = cache({ name: "shop", ttlSeconds: 600 })
      const other = await worker()
      await other.terminate()
      for (let n = 0; n < 20; n++) { gc(); await turn() }
      console.log(await read(own))
      const again = await worker()
      await own.close()
      const late = cache({ name: "shop", ttlSeconds: 600 })
      console.log(await read(late))
      await again.terminate()`)
    expect(output).toBe("from a worker\nfrom a worker\n")
  })
})
