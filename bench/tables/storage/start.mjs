/** A process that starts with a filled folder. */
import { open } from "./contestants.mjs"
import { assertRight } from "./world.mjs"

/** @returns milliseconds until the first hit; modules are loaded before */
export default async function start({ name, folder, number, bytes }) {
  await import(`./contestants/${name}.mjs`)
  const began = performance.now()
  const contestant = await open(name, { folder })
  await assertRight(contestant, number, bytes)
  return performance.now() - began
}
