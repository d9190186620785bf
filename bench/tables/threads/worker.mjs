/** A worker thread: reads for some time on each message. */
import { parentPort, workerData } from "node:worker_threads"

/** Reads between two reads of the clock. */
const BATCH = 500

const { open } = await import(`./readers/${workerData.name}.mjs`)
const read = await open()

parentPort.on("message", async ({ gate, threads, milliseconds }) => {
  together(gate, threads)
  const began = performance.now()
  let reads = 0
  let spent = 0
  for (; spent < milliseconds; spent = performance.now() - began) {
    for (let each = 0; each < BATCH; each++) await read(reads++)
  }
  parentPort.postMessage(reads / spent)
})

parentPort.postMessage("ready")

/** Starts all workers at the same time. */
function together(gate, threads) {
  Atomics.add(gate, 0, 1)
  Atomics.notify(gate, 0)
  for (let there = Atomics.load(gate, 0); there < threads; there = Atomics.load(gate, 0)) {
    Atomics.wait(gate, 0, there, 1_000)
  }
}
