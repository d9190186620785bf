import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  collectWarnings,
  concurrently,
  countEach,
  counts,
  endTest,
  POLICY,
  TTL,
  texts,
  waitUntilIdle,
} from "../helpers/wrap"
import { sendAndSettle, throwingHandler, wrappedStale } from "../helpers/wrap-stale"

beforeEach(() => {
  stopTime()
  collectWarnings()
})
afterEach(async () => {
  await endTest()
  jest.restoreAllMocks()
})

const CALLERS = 100

describe("after a failed refresh the next one is made", () => {
  const PAUSES = [1, 2, 4, 8, 16, 32, 60, 60, 60]

  test("after pauses of 1 s, 2 s, 4 s … 60 s, and all callers get the stale response meanwhile", async () => {
    const wrapper = await wrappedStale(throwingHandler, { staleWhileRevalidateSeconds: 600 })
    expect(await sendAndSettle(wrapper)).toBe("old")
    for (const [failures, seconds] of PAUSES.entries()) {
      for (const [step, runs] of [
        [seconds - 0.001, 2 + failures],
        [0.001, 3 + failures],
      ] as const) {
        await advanceSeconds(step)
        expect(countEach(await texts(concurrently(CALLERS, () => wrapper.send())))).toEqual({
          old: CALLERS,
        })
        await waitUntilIdle()
        expect(wrapper.runs()).toBe(runs)
      }
    }
    const failed = PAUSES.length + 1
    expect(await counts(wrapper.module)).toMatchObject({
      failedRefreshes: failed,
      elections: failed,
      puts: 1,
    })
  })

  test("after a pause of 1 s again if one has succeeded in between", async () => {
    const wrapper = await wrappedStale((request, run) =>
      run === 4 ? new Response("new") : throwingHandler(request, run),
    )
    await sendAndSettle(wrapper)
    await advanceSeconds(1)
    await sendAndSettle(wrapper)
    await advanceSeconds(2)
    await sendAndSettle(wrapper)
    expect(await sendAndSettle(wrapper)).toBe("new")
    expect(wrapper.runs()).toBe(4)
    await advanceSeconds(TTL)
    await sendAndSettle(wrapper)
    await advanceSeconds(0.999)
    await sendAndSettle(wrapper)
    expect(wrapper.runs()).toBe(5)
    await advanceSeconds(0.001)
    await sendAndSettle(wrapper)
    expect(wrapper.runs()).toBe(6)
  })

  test("without a pause if another response was stored meanwhile", async () => {
    const wrapper = await wrappedStale(throwingHandler)
    await sendAndSettle(wrapper)
    await wrapper.module.put(AT, new Response("warm"), { ...POLICY, ttlSeconds: 0 })
    expect(await sendAndSettle(wrapper)).toBe("warm")
    expect(wrapper.runs()).toBe(3)
  })

  test("for its own key, without a pause for other keys", async () => {
    const wrapper = await wrappedStale(throwingHandler)
    const other = new Request(`${AT}?other`)
    await wrapper.module.put(other, new Response("old"), { ...POLICY, ttlSeconds: 0 })
    await sendAndSettle(wrapper)
    expect(wrapper.runs()).toBe(2)
    expect(await (await wrapper.send(other)).text()).toBe("old")
    await waitUntilIdle()
    expect(wrapper.runs()).toBe(3)
  })

  test("for any request after the window, which fails with it", async () => {
    const wrapper = await wrappedStale(throwingHandler, { staleWhileRevalidateSeconds: 2 })
    await sendAndSettle(wrapper)
    await advanceSeconds(2)
    await expect(wrapper.send()).rejects.toThrow("down")
    expect(wrapper.runs()).toBe(3)
  })

  test("1 s after the timeout of one that hangs, and not after its start", async () => {
    const wrapper = await wrappedStale(() => new Promise(() => {}), { refreshTimeoutMs: 5_000 })
    await sendAndSettle(wrapper)
    await advanceSeconds(4.999)
    await sendAndSettle(wrapper)
    await advanceSeconds(0.001)
    await sendAndSettle(wrapper)
    await advanceSeconds(0.999)
    await sendAndSettle(wrapper)
    expect(wrapper.runs()).toBe(2)
    await advanceSeconds(0.001)
    await sendAndSettle(wrapper)
    expect(wrapper.runs()).toBe(3)
    expect(await counts(wrapper.module)).toMatchObject({ failedRefreshes: 1, elections: 2 })
  })
})

test("a caller of match() that holds the refresh lease and does not put is replaced after 30 s by a refresh", async () => {
  const wrapper = await wrappedStale(() => new Promise(() => {}), { refreshTimeoutMs: 5_000 })
  expect(await wrapper.module.match(AT)).toBeUndefined()
  await advanceSeconds(29.999)
  await sendAndSettle(wrapper)
  expect(wrapper.runs()).toBe(1)
  await advanceSeconds(0.001)
  await sendAndSettle(wrapper)
  expect(wrapper.runs()).toBe(2)
})
