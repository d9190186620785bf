import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { waitUntilIdle } from "./wrap"

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** Collects what nobody holds any longer, until that has come about or many rounds have gone by. */
export async function collectGarbage(done: () => boolean = () => false): Promise<void> {
  for (let round = 0; round < 20 && !done(); round++) {
    collect()
    await waitUntilIdle()
  }
}
