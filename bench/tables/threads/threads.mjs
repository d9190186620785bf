/** The main thread: starts the workers, and one or two of them in each round. */
import { once } from "node:events"
import { Worker } from "node:worker_threads"
import { sum } from "../../lib/statistics.mjs"

const WORKER = new URL("worker.mjs", import.meta.url)
const THREADS = 2
const WARM_UP_ROUNDS = 2

/** @returns thousands of reads per second by round, of one thread and of two */
export default async function threads({ name, rounds, roundMs }) {
  const workers = Array.from(
    { length: THREADS },
    () => new Worker(WORKER, { workerData: { name } }),
  )
  await Promise.all(workers.map((worker) => once(worker, "message")))
  const rates = { one: [], two: [] }
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    // Alternates, so that both are warm.
    const one = await rateOf([workers[Math.abs(round) % THREADS]], roundMs)
    const two = await rateOf(workers, roundMs)
    if (round < 0) continue
    rates.one.push(one)
    rates.two.push(two)
  }
  await Promise.all(workers.map((worker) => worker.terminate()))
  return rates
}

async function rateOf(workers, milliseconds) {
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const answers = workers.map((worker) => once(worker, "message"))
  for (const worker of workers) worker.postMessage({ gate, threads: workers.length, milliseconds })
  return sum((await Promise.all(answers)).map(([rate]) => rate))
}
