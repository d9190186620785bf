import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  concurrently,
  countEach,
  counts,
  end,
  POLICY,
  TTL,
  texts,
  waitUntilIdle,
  warnings,
} from "../helpers/wrap"
import { asked, down, goneStale } from "../helpers/wrap-stale"

beforeEach(() => {
  stopTime()
  warnings()
})
afterEach(async () => {
  await end()
  jest.restoreAllMocks()
})

const CALLERS = 100

describe("after a refresh that has failed the next is made", () => {
  const PAUSES = [1, 2, 4, 8, 16, 32, 60, 60, 60]

  test("after pauses of 1 s, 2 s, 4 s … 60 s, and everyone is served the stale response meanwhile", async () => {
    const made = await goneStale(down, { staleWhileRevalidateSeconds: 600 })
    expect(await asked(made)).toBe("old")
    for (const [failures, seconds] of PAUSES.entries()) {
      for (const [step, runs] of [
        [seconds - 0.001, 2 + failures],
        [0.001, 3 + failures],
      ] as const) {
        await advanceSeconds(step)
        expect(countEach(await texts(concurrently(CALLERS, () => made.ask())))).toEqual({
          old: CALLERS,
        })
        await waitUntilIdle()
        expect(made.runs()).toBe(runs)
      }
    }
    const failed = PAUSES.length + 1
    expect(await counts(made.module)).toMatchObject({
      failedRefreshes: failed,
      elections: failed,
      puts: 1,
    })
  })

  test("after a pause of 1 s again, once one has succeeded in between", async () => {
    const made = await goneStale((request, run) =>
      run === 4 ? new Response("new") : down(request, run),
    )
    await asked(made)
    await advanceSeconds(1)
    await asked(made)
    await advanceSeconds(2)
    await asked(made)
    expect(await asked(made)).toBe("new")
    expect(made.runs()).toBe(4)
    await advanceSeconds(TTL)
    await asked(made)
    await advanceSeconds(0.999)
    await asked(made)
    expect(made.runs()).toBe(5)
    await advanceSeconds(0.001)
    await asked(made)
    expect(made.runs()).toBe(6)
  })

  test("without a pause where something else was stored meanwhile", async () => {
    const made = await goneStale(down)
    await asked(made)
    await made.module.put(AT, new Response("warm"), { ...POLICY, ttlSeconds: 0 })
    expect(await asked(made)).toBe("warm")
    expect(made.runs()).toBe(3)
  })

  test("for its own key alone: others are not put off", async () => {
    const made = await goneStale(down)
    const other = new Request(`${AT}?other`)
    await made.module.put(other, new Response("old"), { ...POLICY, ttlSeconds: 0 })
    await asked(made)
    expect(made.runs()).toBe(2)
    expect(await (await made.ask(other)).text()).toBe("old")
    await waitUntilIdle()
    expect(made.runs()).toBe(3)
  })

  test("for any request after the window, which fails with it", async () => {
    const made = await goneStale(down, { staleWhileRevalidateSeconds: 2 })
    await asked(made)
    await advanceSeconds(2)
    await expect(made.ask()).rejects.toThrow("down")
    expect(made.runs()).toBe(3)
  })

  test("when it has hung, 1 s after that was found out and not after it began", async () => {
    const made = await goneStale(() => new Promise(() => {}), { refreshTimeoutMs: 5_000 })
    await asked(made)
    await advanceSeconds(4.999)
    await asked(made)
    await advanceSeconds(0.001)
    await asked(made)
    await advanceSeconds(0.999)
    await asked(made)
    expect(made.runs()).toBe(2)
    await advanceSeconds(0.001)
    await asked(made)
    expect(made.runs()).toBe(3)
    expect(await counts(made.module)).toMatchObject({ failedRefreshes: 1, elections: 2 })
  })
})

test("a caller of match() that was elected and does not put is replaced after 30 s by a refresh", async () => {
  const made = await goneStale(() => new Promise(() => {}), { refreshTimeoutMs: 5_000 })
  expect(await made.module.match(AT)).toBeUndefined()
  await advanceSeconds(29.999)
  await asked(made)
  expect(made.runs()).toBe(1)
  await advanceSeconds(0.001)
  await asked(made)
  expect(made.runs()).toBe(2)
})
