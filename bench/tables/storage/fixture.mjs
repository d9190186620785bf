/** Fills a folder for processes that start with it. */
import { OURS, open } from "./contestants.mjs"
import { fill } from "./world.mjs"

/** @returns the seconds that it took */
export default async function fixture({ name, folder, entries, bytes }) {
  const contestant = await open(name, { folder })
  const began = performance.now()
  await fill(contestant, entries, bytes)
  const seconds = (performance.now() - began) / 1_000
  if (name === OURS && (await contestant.held()) !== entries)
    throw new Error("Some entries were not written.")
  await contestant.close()
  return seconds
}
