/**
 * A thread that declares the cache that it is told of and does what it is sent: `{ id, now, call,
 * args }`, answered by `{ id, value }` or `{ id, error }`. A build that it begins goes on when it
 * is sent `{ release }`.
 */
const { parentPort, workerData } = require("node:worker_threads")
const { cache } = require("@layeron/modules")

const module_ = cache(workerData.options)
const requests = new Map()
let release
const released = new Promise((resolve) => {
  release = resolve
})

/** The same `Request` object for the same name. */
function requestOf(name, url) {
  const request = requests.get(name) ?? new Request(url)
  requests.set(name, request)
  return request
}

async function handled(request) {
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
  /** So many handlers at once, as soon as every thread has come here. */
  async crowd(url, callers, threads, gate) {
    const arrived = new Int32Array(gate)
    Atomics.add(arrived, 0, 1)
    Atomics.notify(arrived, 0)
    for (let seen = Atomics.load(arrived, 0); seen < threads; seen = Atomics.load(arrived, 0)) {
      Atomics.wait(arrived, 0, seen)
    }
    const all = Array.from({ length: callers }, async () => {
      const response = await handled(new Request(url))
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
