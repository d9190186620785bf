import type { CacheModule } from "@layeron/modules"
import { freshCache, get, NO_STATS } from "../helpers/cache"
import { stopDate } from "../helpers/clock"
import { deferred, matchOrBuild, PATH, refreshCounts, staleModule } from "../helpers/stale-module"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const CALLERS = 64

/** Runs concurrent handlers that share a build, which the test ends. */
function concurrently(module: CacheModule) {
  const build = deferred<string>()
  let builds = 0
  const answers: string[] = []
  const waiting = new Map<number, () => void>()
  const all = Array.from({ length: CALLERS }, async () => {
    const response = await matchOrBuild(module, get(PATH), () => {
      builds++
      return build.promise
    })
    answers.push(await response.text())
    waiting.get(answers.length)?.()
  })
  return {
    answers,
    builds: () => builds,
    answered: (count: number) =>
      new Promise<void>((resolve) =>
        answers.length >= count ? resolve() : waiting.set(count, resolve),
      ),
    async finish(body: string): Promise<void> {
      build.resolve(body)
      await Promise.all(all)
    },
  }
}

test("64 concurrent requests for a stale entry make one build, and 63 get a response before it ends", async () => {
  const module = await staleModule()
  const { answers, builds, answered, finish } = concurrently(module)

  await answered(CALLERS - 1)
  expect(answers).toEqual(Array(CALLERS - 1).fill("old"))
  expect(builds()).toBe(1)

  await finish("new")
  expect(answers.at(-1)).toBe("new")
  expect(builds()).toBe(1)
  expect(await refreshCounts(module)).toEqual({
    hits: 63,
    misses: 1,
    puts: 2,
    staleHits: 63,
    elections: 1,
    fencedWrites: 0,
  })
  expect(await (await module.match(get(PATH)))?.text()).toBe("new")
})

test("64 concurrent calls of match for a cold key are 64 misses, and none waits for another", async () => {
  const module = freshCache()
  const results = await Promise.all(Array.from({ length: CALLERS }, () => module.match(get(PATH))))
  expect(results).toEqual(Array(CALLERS).fill(undefined))
  expect(await module.stats()).toEqual({ ...NO_STATS, misses: CALLERS })

  const { builds, finish } = concurrently(module)
  await new Promise(setImmediate)
  expect(builds()).toBe(CALLERS)
  await finish("new")
  expect(await module.stats()).toEqual({ ...NO_STATS, misses: 2 * CALLERS, puts: CALLERS })
  expect(await module.inspect()).toMatchObject({ entries: 1, elections: 0, fencedWrites: 0 })
})
