/**
 * Worker thread that wraps a handler with a cache and serves calls: it receives `{ id, now, call,
 * args }` and replies with `{ id, value }` or `{ id, error }`. `workerData.mode` selects what the
 * handler does. The thread counts its runs in memory that all threads share.
 */
const { parentPort, workerData } = require("node:worker_threads")
const { cache } = require("@layeron/modules")

/** Indexes of the shared counters: handler runs, callers that have called, callers in total. */
const [RUNS, CALLED, CALLERS] = [0, 1, 2]

const { options, wrapping, mode } = workerData
const shared = new Int32Array(workerData.shared)
const opened = new Map()
let feed

async function handler(request) {
  const run = Atomics.add(shared, RUNS, 1) + 1
  parentPort.postMessage({ run })
  while (Atomics.load(shared, CALLED) < Atomics.load(shared, CALLERS))
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
    case "stream":
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
  return { status, cacheStatus: headers.get("cache-status").replace(/^[^;]+; /, "") }
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
  request: (url, headers) => outcome(url, headers),
  /** Calls the handler once per element of `headers` when `threads` threads have arrived here. */
  callConcurrently(url, headers, threads, barrier) {
    const arrived = new Int32Array(barrier)
    Atomics.add(arrived, 0, 1)
    Atomics.notify(arrived, 0)
    for (let seen = Atomics.load(arrived, 0); seen < threads; seen = Atomics.load(arrived, 0)) {
      Atomics.wait(arrived, 0, seen)
    }
    return Promise.all(
      headers.map((fields) => {
        const result = outcome(url, fields)
        Atomics.add(shared, CALLED, 1)
        return result
      }),
    )
  },
  /** Sends a request, stores the body's reader under `name`, and returns the response's head. */
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
  writeBody: async (text) => feed.enqueue(new TextEncoder().encode(text)),
  endBody: async () => feed.close(),
}

parentPort.on("message", async ({ id, now, call, args }) => {
  Date.now = () => now
  try {
    parentPort.postMessage({ id, value: await calls[call](...args) })
  } catch (error) {
    parentPort.postMessage({ id, error: String(error) })
  }
})
