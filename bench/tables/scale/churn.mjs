/**
 * Reads and writes for some time, and measures the longest turns of the event loop.
 */
import { createHistogram } from "node:perf_hooks"
import { put, urlOf } from "./world.mjs"

/** Operations per turn of the event loop, like as many requests. */
const BATCH = 10
const READS = 0.8
/** Share of writes that put a new key instead of replacing an entry. */
const NEW = 0.5
/** Scatters popular entries over all slots; a prime, so that each slot is used. */
const SCATTER = 7_368_787

export async function churnFor(cache, world, milliseconds) {
  const turns = createHistogram({ figures: 3 })
  const reads = createHistogram({ figures: 3 })
  const counts = { reads: 0, hits: 0, writes: 0 }
  const began = performance.now()
  let last = began
  while (last - began < milliseconds) {
    for (let operation = 0; operation < BATCH; operation++)
      await operate(cache, world, counts, reads)
    await new Promise((resolve) => setImmediate(resolve))
    const now = performance.now()
    turns.record(nanoseconds(now - last))
    last = now
  }
  const ms = (nanos) => nanos / 1e6
  return {
    began,
    ended: last,
    figures: {
      stallMs: ms(turns.max),
      turnMs: ms(turns.percentile(50)),
      turn999Ms: ms(turns.percentile(99.9)),
      read999Ms: ms(reads.percentile(99.9)),
      operationsPerSecond: ((counts.reads + counts.writes) * 1_000) / (last - began),
      hitShare: counts.hits / counts.reads,
    },
  }
}

async function operate(cache, { entries, generations, random, popular }, counts, reads) {
  const isRead = random() < READS
  const slot = (popular() * SCATTER) % entries
  if (isRead) {
    const start = performance.now()
    const text = await cache.read(urlOf(slot, generations[slot]))
    reads.record(nanoseconds(performance.now() - start))
    counts.reads++
    if (text !== undefined) counts.hits++
    return
  }
  if (random() < NEW) generations[slot]++
  counts.writes++
  await put(cache, slot, generations[slot])
}

function nanoseconds(milliseconds) {
  return Math.max(1, Math.round(milliseconds * 1e6))
}
