/** Ours and one rival in one process, each on a disk with little memory. */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { inTurn } from "../../lib/rounds.mjs"
import { OURS, open, RIVALS } from "./contestants.mjs"
import { BYTES } from "./sizes.mjs"
import { batches, perPut } from "./spare.mjs"
import { assertRight, fill, urlOf, walk } from "./world.mjs"

/** Matches that wait for the disk at the same time. */
export const TOGETHER = 64

/** @returns for each operation the microseconds by round of both */
export default async function contest({ rival, folder, entries, timing }) {
  const sides = []
  for (const name of [OURS, RIVALS[rival]]) {
    const own = join(folder, name)
    await mkdir(own)
    sides.push(await open(name, { folder: own }))
  }
  for (const side of sides) await fill(side, entries, BYTES)
  for (const side of sides) await assertRight(side, entries - 1, BYTES)
  const times = async (contestantOf) => {
    const [ours, theirs] = await inTurn(sides.map(contestantOf), timing)
    return { ours, theirs }
  }
  const text = async (side, url) => (await side.match(url)).text()
  const outcomes = {
    text: await times(reads(entries, text)),
    together: perMatch(
      await times(
        reads(
          entries,
          (side, urls) => Promise.all(urls.map((url) => text(side, url))),
          (urls) => Array.from({ length: TOGETHER }, urls),
        ),
      ),
    ),
    written: perPut(await times(batches)),
  }
  for (const side of sides) await side.close()
  return outcomes
}

/** Each item has as many URLs as `itemOf` takes; none of them is repeated soon. */
function reads(entries, call, itemOf = (next) => next()) {
  return (side) => {
    const numbers = walk(entries)
    const next = () => urlOf(numbers.next().value)
    return {
      prepare: (count) => Array.from({ length: count }, () => itemOf(next)),
      call: (item) => call(side, item),
    }
  }
}

function perMatch({ ours, theirs }) {
  const each = (rounds) => rounds.map((round) => round / TOGETHER)
  return { ours: each(ours), theirs: each(theirs) }
}
