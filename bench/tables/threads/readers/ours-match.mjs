import { openInstance } from "./instance.mjs"
import { requestAt } from "./world.mjs"

export async function open() {
  const instance = await openInstance()
  return (number) => instance.match(requestAt(number))
}
