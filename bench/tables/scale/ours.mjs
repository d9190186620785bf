import { cache } from "../../../index.mjs"
import { responseOf, tagsOf, urlOf } from "./world.mjs"

/** Enough entries to measure the average size of one. */
const SAMPLE = 20_000

export async function open(entries) {
  const maxBytes = Math.ceil((await bytesPerEntry()) * entries)
  const instance = openInstance("scale", maxBytes)
  return {
    async read(url) {
      const found = await instance.match(url)
      return found?.text()
    },
    put: (url, response, tags) => instance.put(url, response, { tags }),
    async held() {
      const { entries, bytes } = await instance.inspect()
      return { entries, bytes }
    },
    keyOf: (url) => instance.key(url),
  }
}

/** Finds the bound for a number of entries by storing some. */
async function bytesPerEntry() {
  const instance = openInstance("sample", 2 ** 30)
  for (let slot = 0; slot < SAMPLE; slot++) {
    await instance.put(urlOf(slot, 0), responseOf(slot), { tags: tagsOf(slot) })
  }
  const { bytes } = await instance.inspect()
  await instance.close()
  return bytes / SAMPLE
}

function openInstance(name, maxBytes) {
  return cache({ name, ttlSeconds: 86_400, storage: { memory: { maxBytes } } })
}
