import { openInstance } from "./instance.mjs"
import { requestAt } from "./world.mjs"

export async function open() {
  const instance = await openInstance()
  return async (number) => (await instance.match(requestAt(number))).text()
}
