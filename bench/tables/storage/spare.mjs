/** Puts of keys that no other operation uses, which are removed after each round. */
import { BYTES } from "./sizes.mjs"
import { responseOf, SPARE, tagsOf } from "./world.mjs"

/** Bound on responses made before a round, which are garbage of the round. */
const MOST_PREPARED = 3_000
const BATCH = 500

let spare = 0

/** A put until it resolves. */
export function puts(side) {
  return {
    prepare: items,
    call: ({ url, response, tags }) => side.put(url, response, tags),
    clean: (items) => side.removeSpare(items.map(({ url }) => url)),
    most: MOST_PREPARED,
  }
}

/** Many puts until all of them are on disk. */
export function batches(side) {
  return {
    prepare: (count) => Array.from({ length: count }, () => items(BATCH)),
    async call(batch) {
      for (const { url, response, tags } of batch) await side.put(url, response, tags)
      await side.flush()
    },
    clean: (batches) => side.removeSpare(batches.flat().map(({ url }) => url)),
    most: MOST_PREPARED / BATCH,
  }
}

/** Times of batches divided by the size of a batch. */
export function perPut(times) {
  return Object.fromEntries(
    Object.entries(times).map(([name, rounds]) => [name, rounds.map((round) => round / BATCH)]),
  )
}

function items(count) {
  return Array.from({ length: count }, () => {
    const number = spare++
    return { url: `${SPARE}${number}`, response: responseOf(number, BYTES), tags: tagsOf(number) }
  })
}
