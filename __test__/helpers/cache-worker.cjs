/**
 * Worker thread that declares a cache and serves calls: it receives `{ id, now, call, args }` and
 * replies with `{ id, value }` or `{ id, error }`. Its builds end when it receives `{ release }`.
 */
const { parentPort, workerData } = require("node:worker_threads")
const { cache } = require("@layeron/modules")

const module_ = cache(workerData.options)
const requests = new Map()
let release
const released = new Promise((resolve) => {
  release = resolve
})

/** Returns the `Request` object with this name, which it creates on first use. */
function requestOf(name, url) {
  const request = requests.get(name) ?? new Request(url)
  requests.set(name, request)
  return request
}

async function matchOrBuild(request) {
  const cached = await module_.match(request)
  if (cached) return cached
  parentPort.postMessage({ building: true })
  const response = new Response(await released)
  await module_.put(request, response.clone())
  return response
}

const calls = {
  ready: async () => true,
  purge: (selector) => module_.purge(selector),
  delete: (url) => module_.delete(url),
  matchString: async (url) => (await module_.match(url))?.text(),
  putString: (url, body, options) => module_.put(url, new Response(body), options),
  match: async (name, url) => (await module_.match(requestOf(name, url)))?.text(),
  put: (name, url, body, options) => module_.put(requestOf(name, url), new Response(body), options),
  /** Starts `callers` handlers at once when `threads` threads have arrived here. */
  async matchOrBuildConcurrently(url, callers, threads, barrier) {
    const arrived = new Int32Array(barrier)
    Atomics.add(arrived, 0, 1)
    Atomics.notify(arrived, 0)
    for (let seen = Atomics.load(arrived, 0); seen < threads; seen = Atomics.load(arrived, 0)) {
      Atomics.wait(arrived, 0, seen)
    }
    const all = Array.from({ length: callers }, async () => {
      const response = await matchOrBuild(new Request(url))
      parentPort.postMessage({ answered: await response.text() })
    })
    await Promise.all(all)
  },
}

parentPort.on("message", async ({ id, now, call, args, release: body }) => {
  if (body !== undefined) return release(body)
  Date.now = () => now
  try {
    parentPort.postMessage({ id, value: await calls[call](...args) })
  } catch (error) {
    parentPort.postMessage({ id, error: String(error) })
  }
})
