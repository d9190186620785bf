/** What a purge costs by what it removes and by what the store holds: 1,000 entries by one tag, and by prefix. */
import { cache } from "../index.mjs"
import { median, table } from "./rounds.mjs"

const ROUNDS = 9
const REMOVED = 1_000
const HELD = [2_000, 20_000, 200_000]
const BODY = new Uint8Array(64)
const url = (path) => `https://api.example.com${path}`

/** A store that holds `held` entries beside those that are purged. */
async function holding(held) {
  const instance = cache({
    name: `holding-${held}`,
    ttlSeconds: 3_600,
    storage: { memory: { maxBytes: 2 ** 30 } },
  })
  for (let number = 0; number < held; number++) {
    await instance.put(url(`/kept/${number}`), new Response(BODY), { tags: ["kept", `kept-${number % 100}`] })
  }
  return instance
}

/** Microseconds of one purge, after the entries it removes have been put. */
async function time(instance, selector) {
  for (let number = 0; number < REMOVED; number++) {
    await instance.put(url(`/purged/${number}`), new Response(BODY), { tags: ["purged"] })
  }
  const start = process.hrtime.bigint()
  const { purged } = await instance.purge(selector)
  const microseconds = Number(process.hrtime.bigint() - start) / 1_000
  if (purged !== REMOVED) throw new Error(`${purged} entries were purged`)
  return microseconds
}

for (const selector of [{ tags: ["purged"] }, { prefix: url("/purged/") }]) {
  const instances = await Promise.all(HELD.map(holding))
  const times = HELD.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, instance] of instances.entries()) times[at].push(await time(instance, selector))
  }
  const [how] = Object.keys(selector)
  table(HELD.map((held, at) => row(`${REMOVED} by ${how} beside ${held}`, times[at], times[0])))
}

function row(name, times, first) {
  const ratios = times.map((each, round) => each / first[round])
  const spread = `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`
  return { name, microseconds: median(times), ratio: median(ratios), spread }
}
