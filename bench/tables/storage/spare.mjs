/** Puts under keys of no other use, which are removed after each round. */
import { BYTES } from "./sizes.mjs"
import { responseOf, SPARE, tagsOf } from "./world.mjs"

/** Responses made beforehand are garbage that a round has to carry. */
const MOST_PREPARED = 3_000
const BATCH = 500

let spare = 0

/** Each put as its caller sees it. */
export function puts(side) {
  return {
    prepare: items,
    call: ({ url, response, tags }) => side.put(url, response, tags),
    clean: (items) => side.removeSpare(items.map(({ url }) => url)),
    most: MOST_PREPARED,
  }
}

/** Many puts, until all of them are on the disk. */
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

/** Times of batches as times of what is in them. */
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
