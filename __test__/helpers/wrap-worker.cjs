/**
 * A thread that wraps a handler with the cache that it is told of and does what it is sent: `{ id,
 * now, call, args }`, answered by `{ id, value }` or `{ id, error }`. What its handler does is told
 * by `mode`; its runs are counted in memory that all threads share.
 */
const { parentPort, workerData } = require("node:worker_threads")
const { cache } = require("@layeron/modules")

/**
 * Places in the shared memory: runs made, callers that have asked, and how many there are to be.
 */
const [RUNS, ASKED, CALLERS] = [0, 1, 2]

const { options, wrapping, mode } = workerData
const shared = new Int32Array(workerData.shared)
const opened = new Map()
let feed

async function handler(request) {
  const run = Atomics.add(shared, RUNS, 1) + 1
  parentPort.postMessage({ run })
  while (Atomics.load(shared, ASKED) < Atomics.load(shared, CALLERS))
    await new Promise(setImmediate)
  const language = request.headers.get("accept-language")
  switch (mode) {
    case "throws":
      throw new Error("down")
    case "fails":
      return new Response("down", { status: 503 })
    case "private":
      return new Response(`run ${run}`, { headers: { "cache-control": "private" } })
    case "language":
      return new Response(language, { headers: { vary: "accept-language" } })
    case "hangs":
      return new Promise(() => {})
    case "held":
      return new Response(
        new ReadableStream({
          start(controller) {
            feed = controller
          },
        }),
      )
    default:
      return new Response(mode)
  }
}

const fetch = cache(options).wrap(handler, wrapping)

function headOf({ status, headers }) {
  return { status, how: headers.get("cache-status").replace(/^[^;]+; /, "") }
}

async function outcome(url, headers) {
  try {
    const response = await fetch(new Request(url, { headers }))
    return { ...headOf(response), text: await response.text() }
  } catch ({ message, code }) {
    return { error: message, code }
  }
}

const calls = {
  ready: async () => true,
  ask: (url, headers) => outcome(url, headers),
  /** So many callers at once, as soon as so many threads have come here. */
  crowd(url, headers, threads, gate) {
    const arrived = new Int32Array(gate)
    Atomics.add(arrived, 0, 1)
    Atomics.notify(arrived, 0)
    for (let seen = Atomics.load(arrived, 0); seen < threads; seen = Atomics.load(arrived, 0)) {
      Atomics.wait(arrived, 0, seen)
    }
    return Promise.all(
      headers.map((fields) => {
        const got = outcome(url, fields)
        Atomics.add(shared, ASKED, 1)
        return got
      }),
    )
  },
  /** Asks, keeps the response under a name, and tells its head. */
  async open(name, url) {
    const response = await fetch(new Request(url))
    opened.set(name, response.body.getReader())
    return headOf(response)
  },
  async read(name) {
    const { value } = await opened.get(name).read()
    return value && new TextDecoder().decode(value)
  },
  cancel: (name) => opened.get(name).cancel(),
  give: async (text) => feed.enqueue(new TextEncoder().encode(text)),
  end: async () => feed.close(),
}

parentPort.on("message", async ({ id, now, call, args }) => {
  Date.now = () => now
  try {
    parentPort.postMessage({ id, value: await calls[call](...args) })
  } catch (error) {
    parentPort.postMessage({ id, error: String(error) })
  }
})
