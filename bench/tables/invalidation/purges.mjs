/** Purges the same number of entries from small and large stores, ours and a rival's in turn. */

const BODY = "x".repeat(64)
const CONTESTANTS = ["ours", "lru-cache"]
const PREFIX = "https://api.example.com/purged/"
const SELECTED = { tag: "purged", prefix: PREFIX }
const KEPT_TAGS = 100

/** @returns milliseconds by round of each contestant, by number of entries and selector */
export default async function purges({ removed, held, rounds }) {
  const stores = []
  for (const contestant of CONTESTANTS) {
    const { open } = await import(`./${contestant}.mjs`)
    for (const count of held) {
      stores.push({ contestant, count, ...open(`holding-${count}`), tag: [], prefix: [] })
    }
  }
  for (const store of stores) await fill(store, store.count - removed)
  for (let round = -1; round < rounds; round++) {
    for (const store of stores) {
      for (const how of Object.keys(SELECTED)) {
        const milliseconds = await time(store, how, removed)
        // The first round is a warm-up.
        if (round >= 0) store[how].push(milliseconds)
      }
    }
  }
  return stores.map(({ contestant, count, tag, prefix }) => ({ contestant, count, tag, prefix }))
}

async function fill(store, count) {
  for (let number = 0; number < count; number++) {
    const tags = ["kept", `kept-${number % KEPT_TAGS}`]
    await store.put(`https://api.example.com/kept/${number}`, new Response(BODY), tags)
  }
}

async function time(store, how, removed) {
  for (let number = 0; number < removed; number++) {
    await store.put(`${PREFIX}${number}`, new Response(BODY), [SELECTED.tag, `own-${number}`])
  }
  globalThis.gc({ type: "minor" })
  const start = performance.now()
  const count = await store.purge[how](SELECTED[how])
  const milliseconds = performance.now() - start
  if (count !== removed) throw new Error(`${count} entries were purged, not ${removed}.`)
  return milliseconds
}
