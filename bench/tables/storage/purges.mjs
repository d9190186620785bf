/** Purges by one tag, of the contestants in turn. */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { open } from "./contestants.mjs"
import { bodyOf, fill, headersOf, SPARE } from "./world.mjs"

const BYTES = 512
const TAG = "purged"

/** @returns milliseconds by round of each contestant */
export default async function purges({ contestants, folder, removed, held, rounds }) {
  const sides = []
  for (const { name, onDisk } of contestants) {
    const own = join(folder, `${name}-${sides.length}`)
    await mkdir(own)
    const side = await open(name, onDisk ? { folder: own, inMemory: true } : {})
    await fill(side, held - removed, BYTES)
    sides.push(side)
  }
  const times = sides.map(() => [])
  for (let round = -1; round < rounds; round++) {
    for (const [at, side] of sides.entries()) {
      const milliseconds = await time(side, removed)
      // The first round is a warm-up.
      if (round >= 0) times[at].push(milliseconds)
    }
  }
  for (const side of sides) await side.close()
  return times
}

async function time(side, removed) {
  for (let number = 0; number < removed; number++) {
    const response = new Response(bodyOf(number, BYTES), { headers: headersOf(number) })
    await side.put(urlOf(number), response, [TAG, `own:${number}`])
  }
  await side.flush()
  globalThis.gc({ type: "minor" })
  const start = performance.now()
  await side.purge(TAG)
  const milliseconds = performance.now() - start
  if ((await side.match(urlOf(removed - 1))) !== undefined)
    throw new Error("What was purged is still there.")
  return milliseconds
}

function urlOf(number) {
  return `${SPARE}${number}`
}
