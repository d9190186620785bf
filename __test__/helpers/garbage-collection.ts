import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { waitUntilIdle } from "./wrap"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** Runs the garbage collector until `done` returns true, at most 20 times. */
export async function collectGarbage(done: () => boolean = () => false): Promise<void> {
  for (let round = 0; round < 20 && !done(); round++) {
    collect()
    await waitUntilIdle()
  }
}
