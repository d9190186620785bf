import { setTimeout as pause } from "node:timers/promises"
import type { CacheModule } from "@layeron/modules"
import { freshCache, get, url } from "../helpers/cache"

const ENTRIES = 5_000
const NOW = Date.UTC(2024, 0, 1)

let now = NOW
beforeEach(() => {
  now = NOW
  jest.spyOn(Date, "now").mockImplementation(() => now)
})
afterEach(() => jest.restoreAllMocks())

async function moduleWithEntries(ttlSeconds: number): Promise<CacheModule> {
  const module = freshCache({ ttlSeconds })
  for (let n = 0; n < ENTRIES; n++) await module.put(url(`/${n}`), new Response("a"))
  return module
}

/** Counts held entries with the clock set back, so that no call removes an expired entry. */
async function countHeld(module: CacheModule): Promise<number> {
  const clock = now
  now = NOW
  let count = 0
  for (let n = 0; n < ENTRIES; n++) if ((await module.match(get(`/${n}`))) !== undefined) count++
  now = clock
  return count
}

test("all expired entries are removed within seconds, without a request for them", async () => {
  const module = await moduleWithEntries(1)
  expect(await countHeld(module)).toBe(ENTRIES)
  now = NOW + 1_000
  const deadline = performance.now() + 10_000
  while ((await countHeld(module)) > 0 && performance.now() < deadline) await pause(50)
  expect(await countHeld(module)).toBe(0)
  expect(await module.inspect()).toMatchObject({ entries: 0, bytes: 0, expirations: ENTRIES })
})

test("entries that have not expired stay", async () => {
  const [longLived, shortLived] = [await moduleWithEntries(2), await moduleWithEntries(1)]
  now = NOW + 1_999
  const deadline = performance.now() + 10_000
  while ((await countHeld(shortLived)) > 0 && performance.now() < deadline) await pause(50)
  expect(await countHeld(shortLived)).toBe(0)
  expect(await countHeld(longLived)).toBe(ENTRIES)
})
