/** One contestant, filled and then read and written for a while. */
import { PerformanceObserver } from "node:perf_hooks"
import { setImmediate } from "node:timers/promises"
import { seeded, zipf } from "../../lib/random.mjs"
import { churnFor } from "./churn.mjs"
import { payloadOf, put, responseOf, urlOf } from "./world.mjs"

const SEED = 20_260_902
/** Of so many entries one is weighed: they hardly differ. */
const SAMPLED = 97

export default async function life({ contestant, entries, seconds }) {
  const collections = []
  // Delivered late, and therefore watched from the beginning.
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
  // What filling has left to the event loop, such as the entries of the observer, is no stall of
  // what follows.
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

/** What the process grows by for responses, which are not kept, is its own. */
async function makeResponses(count) {
  for (let slot = 0; slot < count; slot++) await responseOf(slot).arrayBuffer()
}

/** Memory of the process, without what it would give back anyway. */
function rss() {
  globalThis.gc()
  globalThis.gc()
  return process.memoryUsage.rss()
}

/**
 * Bytes per entry beyond what is kept in it: as the process has grown, and as the cache itself
 * reckons.
 */
function overheadOf(cache, filled, before, entries) {
  let sampled = 0
  for (let slot = 0; slot < entries; slot += SAMPLED)
    sampled += payloadOf(slot, cache.keyOf(urlOf(slot, 0)))
  const payloadBytes = sampled / Math.ceil(entries / SAMPLED)
  return {
    payloadBytes,
    overheadByRss: (filled.rss - before) / filled.entries - payloadBytes,
    overheadReckoned:
      filled.bytes === undefined ? undefined : filled.bytes / filled.entries - payloadBytes,
  }
}
