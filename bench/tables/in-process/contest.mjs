/** Ours and one rival in one process, operation by operation. */
import { inTurn } from "../../lib/rounds.mjs"
import { OPERATIONS } from "./operations.mjs"
import { open as openOurs } from "./rivals/ours.mjs"
import { RIVALS } from "./rivals.mjs"
import { Side } from "./side.mjs"
import { bodyOf, etagOf, headersOf } from "./world.mjs"

/**
 * @param operations each with `ours` and `theirs`, names of timed operations
 * @returns for each the microseconds by round of both, or why it is left out
 */
export default async function contest({ rival, size, operations, timing }) {
  const { open } = await import(`./rivals/${RIVALS[rival]}.mjs`)
  const contestant = await open({ ...size, body: bodyOf(0, size), headers: headersOf(0) })
  const { refuses, leftOut = {} } = contestant
  if (refuses !== undefined) return operations.map(() => ({ because: refuses }))
  const sides = [new Side(openOurs(size), size), new Side(contestant, size)]
  for (const side of sides) await side.fill()
  for (const side of sides) await assertRight(side, size)
  const outcomes = []
  for (const { ours, theirs } of operations) {
    const because = leftOut[theirs]
    const timed = [OPERATIONS[ours](sides[0], size), OPERATIONS[theirs](sides[1], size)]
    outcomes.push(because === undefined ? await times(timed, timing) : { because })
  }
  return outcomes
}

async function times(timed, timing) {
  const [ours, theirs] = await inTurn(timed, timing)
  return { ours, theirs }
}

/**
 * Checks a contestant: an entry has to be returned as it was put, and to be validated.
 */
async function assertRight(side, size) {
  const { cache } = side
  const found = await cache.match(side.request(0))
  const hasHeaders = cache.leftOut?.header !== undefined || found.headers.get("etag") === etagOf(0)
  if (!hasHeaders || (await found.text()) !== bodyOf(0, size))
    throw new Error("The response is another one.")
  const [conditional] = side.conditional(1)
  const { status } = await cache.notModified(conditional)
  if (status !== 304) throw new Error(`A condition that holds is answered with ${status}.`)
}
