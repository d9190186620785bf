/** Ours with memory alone and with a disk below it, in one process and in turn. */
import { inTurn } from "../../lib/rounds.mjs"
import { OURS, open } from "./contestants.mjs"
import { BYTES } from "./sizes.mjs"
import { batches, perPut, puts } from "./spare.mjs"
import { assertRight, fill, urlOf, walk } from "./world.mjs"

const ENTRIES = 1_000

/** @returns for each operation the microseconds by round, with a disk and without */
export default async function layers({ folder, timing }) {
  const sides = [await open(OURS, { folder, inMemory: true }), await open(OURS, {})]
  for (const side of sides) await fill(side, ENTRIES, BYTES)
  for (const side of sides) await assertRight(side, 0, BYTES)
  const times = async (contestantOf) => {
    const [disk, memory] = await inTurn(sides.map(contestantOf), timing)
    return { disk, memory }
  }
  const outcomes = {
    match: await times(hits((side, request) => side.match(request))),
    text: await times(hits(async (side, request) => (await side.match(request)).text())),
    put: await times(puts),
    written: perPut(await times(batches)),
  }
  for (const side of sides) await side.close()
  return outcomes
}

/** Requests for entries in memory, the same objects each time. */
function hits(call) {
  const requests = Array.from({ length: ENTRIES }, (_, number) => new Request(urlOf(number)))
  return (side) => {
    const numbers = walk(ENTRIES)
    return {
      prepare: (count) => Array.from({ length: count }, () => requests[numbers.next().value]),
      call: (request) => call(side, request),
    }
  }
}
