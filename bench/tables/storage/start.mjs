/** A process that begins with a folder that is full. */
import { open } from "./contestants.mjs"
import { assertRight } from "./world.mjs"

/** @returns milliseconds until it has served a first hit; what it is made of is loaded before */
export default async function start({ name, folder, number, bytes }) {
  await import(`./contestants/${name}.mjs`)
  const began = performance.now()
  const contestant = await open(name, { folder })
  await assertRight(contestant, number, bytes)
  return performance.now() - began
}
