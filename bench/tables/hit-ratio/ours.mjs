/** Ours, with entries of one size and a bound of as many bytes as they take. */
import { cache } from "../../../index.mjs"

const BODY = Buffer.alloc(256, "e")
/** Attempts to find the bound for a number of entries. */
const MOST_TRIES = 20

/** @returns the hit ratio, and the number of entries at the end */
export async function ours(keys, capacity) {
  const instance = open("replay", await bytesFor(capacity))
  let hits = 0
  for (const key of keys) {
    const url = urlOf(key)
    if (await instance.match(url)) hits++
    else await instance.put(url, new Response(BODY))
  }
  const { entries } = await instance.inspect()
  await instance.close()
  return { share: hits / keys.length, entries }
}

/** The bound under which this many entries remain after many more were put. */
async function bytesFor(capacity) {
  const perEntry = (await heldUnder(2 ** 34, capacity)).bytes / capacity
  let maxBytes = Math.ceil(capacity * perEntry)
  for (let attempt = 0; attempt < MOST_TRIES; attempt++) {
    const { entries } = await heldUnder(maxBytes, 3 * capacity)
    if (entries === capacity) break
    maxBytes += Math.round((capacity - entries) * perEntry)
  }
  return maxBytes
}

/** Number of entries under a bound after this many were put. */
async function heldUnder(maxBytes, count) {
  const instance = open("trial", maxBytes)
  for (let key = 0; key < count; key++) await instance.put(urlOf(key), new Response(BODY))
  const held = await instance.inspect()
  await instance.close()
  return held
}

function open(name, maxBytes) {
  return cache({ name, ttlSeconds: 86_400, storage: { memory: { maxBytes } } })
}

/** Keys of one length. */
function urlOf(key) {
  return `https://trace.example/${String(key).padStart(8, "0")}`
}
