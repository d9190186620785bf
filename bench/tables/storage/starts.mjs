/** Folders with entries, and processes that start with them. */
import { mkdir } from "node:fs/promises"
import { join } from "node:path"
import { inChild } from "../../lib/child.mjs"
import { bytesIn, inFolder } from "./folders.mjs"
import { walk } from "./world.mjs"

const FIXTURE = new URL("fixture.mjs", import.meta.url)
const START = new URL("start.mjs", import.meta.url)

const BYTES = 512

/**
 * @param contestants each with `name`, `entries` and the Node that it runs on. @returns for each
 * `ms` by round, `bytes` and `seconds`
 */
export function startsOf(contestants, rounds) {
  return inFolder(async (folder) => {
    const fixtures = []
    for (const [at, contestant] of contestants.entries()) {
      const own = join(folder, String(at))
      await mkdir(own)
      const input = {
        name: contestant.name,
        folder: own,
        entries: contestant.entries,
        bytes: BYTES,
      }
      const seconds = await inChild(FIXTURE, input, contestant)
      // Some files are removed with the process.
      fixtures.push({ ...contestant, ...input, seconds, bytes: await bytesIn(own), ms: [] })
    }
    const numbers = walk(Math.min(...contestants.map(({ entries }) => entries)))
    for (let round = 0; round < rounds; round++) {
      const number = numbers.next().value
      for (const { name, folder, node, ms } of fixtures) {
        ms.push(await inChild(START, { name, folder, number, bytes: BYTES }, { node }))
      }
    }
    return fixtures.map(({ ms, bytes, seconds }) => ({ ms, bytes, seconds }))
  })
}
