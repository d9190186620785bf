/** One contestant, filled and then read and written for some time. */
import { PerformanceObserver } from "node:perf_hooks"
import { setImmediate } from "node:timers/promises"
import { seeded, zipf } from "../../lib/random.mjs"
import { churnFor } from "./churn.mjs"
import { payloadOf, put, responseOf, urlOf } from "./world.mjs"

const SEED = 20_260_902
/** One of this many entries is measured: they hardly differ. */
const SAMPLED = 97

export default async function life({ contestant, entries, seconds }) {
  const collections = []
  // Entries arrive late, so the observer starts first.
  new PerformanceObserver((list) => collections.push(...list.getEntries())).observe({
    entryTypes: ["gc"],
  })
  const { open } = await import(`./${contestant}.mjs`)
  const world = { entries, generations: new Uint16Array(entries), random: seeded(SEED) }
  world.popular = zipf(entries, world.random)
  await makeResponses(entries / 20)
  const before = rss()
  const cache = await open(entries)
  for (let slot = 0; slot < entries; slot++) await put(cache, slot, 0)
  const filled = { rss: rss(), ...(await cache.held()) }
  const overhead = overheadOf(cache, filled, before, entries)
  // Work that filling has left, such as the observer's entries, is no stall of the reads and
  // writes.
  await setImmediate()
  const churn = await churnFor(cache, world, seconds * 1_000)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const spent = collections
    .filter(({ startTime }) => startTime >= churn.began && startTime <= churn.ended)
    .map(({ duration }) => duration)
  return {
    ...churn.figures,
    collectionShare: spent.reduce((total, each) => total + each, 0) / (churn.ended - churn.began),
    longestCollectionMs: Math.max(0, ...spent),
    rssFilled: filled.rss,
    rssChurned: rss(),
    entriesFilled: filled.entries,
    entriesChurned: (await cache.held()).entries,
    ...overhead,
  }
}

/** Lets the process grow for responses, which are not kept, before it is measured. */
async function makeResponses(count) {
  for (let slot = 0; slot < count; slot++) await responseOf(slot).arrayBuffer()
}

/** Memory of the process after a garbage collection. */
function rss() {
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage.rss()
}

/**
 * Bytes per entry beyond key, header fields and body: by the growth of the process, and by the
 * cache's own count.
 */
function overheadOf(cache, filled, before, entries) {
  let sampled = 0
  for (let slot = 0; slot < entries; slot += SAMPLED)
    sampled += payloadOf(slot, cache.keyOf(urlOf(slot, 0)))
  const payloadBytes = sampled / Math.ceil(entries / SAMPLED)
  return {
    payloadBytes,
    overheadByRss: (filled.rss - before) / filled.entries - payloadBytes,
    overheadCounted:
      filled.bytes === undefined ? undefined : filled.bytes / filled.entries - payloadBytes,
  }
}
