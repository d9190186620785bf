import { join } from "node:path"
import { runNode } from "../helpers/run-node"

const ROOT = join(__dirname, "../..")

/**
 * Runs a script with the wrapped handler `handler` in a process that must exit by itself; returns
 * its output.
 */
async function run(
  handler: string,
  script: string,
  options = "{ ttlSeconds: 60 }",
): Promise<string> {
  const source = `
    const { cache } = require(${JSON.stringify(ROOT)})
    const module_ = cache({ name: "process" })
    const fetch = module_.wrap(${handler}, ${options})
    const at = "https://api.example.com/"
    let go
    const more = new Promise((resolve) => { go = resolve })
    const becomeIdle = async () => {
      for (let round = 0; round < 50; round++) await new Promise((resolve) => setImmediate(resolve))
    }
    ;(async () => { ${script} })()`
  const { stdout, stderr } = await runNode(["-e", source], { timeout: 10_000 })
  return stdout + stderr
}

const OPEN_BODY = `() => new Response(new ReadableStream({ start: (feed) => feed.enqueue(new Uint8Array([97])) }))`

describe("a process ends by itself", () => {
  test("when its callers have been answered", async () => {
    expect(
      await run(
        `async () => new Response("x")`,
        `console.log(await Promise.all([1, 2, 3].map(async () => (await fetch(new Request(at))).text())))`,
      ),
    ).toBe("[ 'x', 'x', 'x' ]\n")
  })

  test("even if a refresh hangs in the background", async () => {
    expect(
      await run(
        `() => new Promise(() => {})`,
        `await module_.put(at, new Response("old"), { ttlSeconds: 0, staleWhileRevalidateSeconds: 60 })
         console.log(await (await fetch(new Request(at))).text())`,
      ),
    ).toBe("old\n")
  })

  test("even if two callers wait for a handler that never responds", async () => {
    expect(
      await run(
        `() => new Promise(() => {})`,
        `fetch(new Request(at)).then(console.log)
         fetch(new Request(at)).then(console.log)
         console.log("asked")`,
      ),
    ).toBe("asked\n")
  })

  test("even if two readers wait for more of an endless body", async () => {
    expect(
      await run(
        OPEN_BODY,
        `for (const response of await Promise.all([fetch(new Request(at)), fetch(new Request(at))])) {
           const reader = response.body.getReader()
           console.log((await reader.read()).value.length)
           reader.read().then(console.log)
         }`,
      ),
    ).toBe("1\n1\n")
  })

  test("even if an endless body was read in part and cancelled", async () => {
    expect(
      await run(
        OPEN_BODY,
        `const reader = (await fetch(new Request(at))).body.getReader()
         console.log((await reader.read()).value.length)
         await reader.cancel()`,
      ),
    ).toBe("1\n")
  })

  test("even if a client that waited for more of an endless body has cancelled", async () => {
    expect(
      await run(
        OPEN_BODY,
        `const reader = (await fetch(new Request(at))).body.getReader()
         await reader.read()
         const more = reader.read()
         await new Promise((resolve) => setImmediate(resolve))
         await reader.cancel()
         console.log((await more).done)`,
      ),
    ).toBe("true\n")
  })
})

/**
 * Source of a handler whose body is not stored: one byte at once, and forty pieces after `more`.
 */
const PASSING = `() => {
  let pieces = 0
  return new Response(new ReadableStream({
    async pull(feed) {
      if (pieces === 1) await more
      if (pieces++ === 40) feed.close()
      else feed.enqueue(new Uint8Array(pieces === 1 ? 1 : 65536))
    }
  }))
}`

const UNUSED = `() => new Response("unused")`

const SMALL = `storage: { memory: { maxBytes: 1048576, maxEntryBytes: 1000 } }`

/**
 * Source that reads until the writer waits for another reader, runs the given code, and reads the
 * rest.
 */
const READ = `
  const reader = first.body.getReader()
  let bytes = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    bytes += part.value.length
    if (bytes === 262145) becomeIdle().then(then)
  }
  console.log(bytes)`

describe("a process does not end", () => {
  test.each([
    ["cancels", "() => other.body.cancel()"],
    ["reads", "() => other.arrayBuffer()"],
  ])("while a reader waits for a body that continues because another one %s", async (_, then) => {
    expect(
      await run(
        UNUSED,
        `const own = cache({ name: "small", ${SMALL} }).wrap(${PASSING}, { ttlSeconds: 60 })
         const [first, other] = await Promise.all([own(new Request(at)), own(new Request(at))])
         go()
         const then = ${then}
         ${READ}`,
      ),
    ).toBe("2555905\n")
  })

  test("while a reader slowly reads the body that a worker thread writes", async () => {
    const worker = `
      const { cache } = require(${JSON.stringify(ROOT)})
      const { parentPort } = require("node:worker_threads")
      const more = new Promise((resolve) => parentPort.once("message", resolve))
      const fetch = cache({ name: "small", ${SMALL} }).wrap(${PASSING}, { ttlSeconds: 60 })
      fetch(new Request("https://api.example.com/")).then((led) => {
        led.body.cancel()
        parentPort.postMessage("answered")
      })`
    expect(
      await run(
        UNUSED,
        `const { Worker } = require("node:worker_threads")
         const own = cache({ name: "small", ${SMALL} }).wrap(${PASSING}, { ttlSeconds: 60 })
         const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
         await new Promise((resolve) => worker.once("message", resolve))
         const first = await own(new Request(at))
         worker.postMessage("go")
         let bytes = 0
         const reader = first.body.getReader()
         for (let part = await reader.read(); !part.done; part = await reader.read()) {
           bytes += part.value.length
           await becomeIdle()
         }
         console.log(bytes)`,
      ),
    ).toBe("2555905\n")
  })

  test("while a caller waits for the run of a worker thread", async () => {
    const worker = `
      const { cache } = require(${JSON.stringify(ROOT)})
      const { parentPort } = require("node:worker_threads")
      const fetch = cache({ name: "process" }).wrap(async () => {
        parentPort.postMessage("running")
        await new Promise((resolve) => parentPort.once("message", resolve))
        return new Response("there")
      }, { ttlSeconds: 60 })
      fetch(new Request("https://api.example.com/"))`
    expect(
      await run(
        `() => new Response("here")`,
        `const { Worker } = require("node:worker_threads")
         const worker = new Worker(${JSON.stringify(worker)}, { eval: true })
         await new Promise((resolve) => worker.once("message", resolve))
         const answer = fetch(new Request(at))
         worker.postMessage("go")
         worker.unref()
         console.log(await (await answer).text())`,
      ),
    ).toBe("there\n")
  })
})

test("an object that a handler creates and keeps retains neither requests nor earlier runs", async () => {
  const { stdout } = await runNode(
    [
      "--expose-gc",
      "-e",
      `
      const { AsyncResource } = require("node:async_hooks")
      const { cache } = require(${JSON.stringify(ROOT)})
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      const shop = cache({ name: "shop", ttlSeconds: 60 })
      let kept
      const handle = shop.wrap(async (request) => {
        kept = new AsyncResource("kept")
        return new Response(request.method)
      })
      const requests = []
      async function send(method, number) {
        const request = new Request("https://a.example/" + number, { method })
        requests.push(new WeakRef(request))
        await (await handle(request)).text()
      }
      ;(async () => {
        // Node tracks asynchronous context only while a run is in progress.
        shop.wrap(() => new Promise(() => {}))(new Request("https://a.example/hung"))
        for (let number = 0; number < 4; number++) {
          // Each request starts in the context that the previous one has left.
          const next = () => send(number % 2 === 0 ? "GET" : "POST", number)
          await (kept === undefined ? next() : kept.runInAsyncScope(next))
        }
        for (let round = 0; round < 20; round++) { gc(); await turn() }
        process.stdout.write(requests.filter((request) => request.deref() !== undefined).length + " kept")
      })()`,
    ],
    {},
  )
  expect(stdout).toBe("0 kept")
})
