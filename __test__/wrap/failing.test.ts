import { errorOf, get, NO_STATS } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  concurrently,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  type TestHandler,
  texts,
  type Wrapped,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 100
const error = new Error("down")

const THROWS: [string, TestHandler, unknown][] = [
  [
    "throws",
    () => {
      throw error
    },
    error,
  ],
  [
    "rejects",
    async () => {
      throw error
    },
    error,
  ],
  [
    "throws what is no error",
    () => {
      throw "down"
    },
    "down",
  ],
]

/** Returns the errors of `callers` concurrent calls. */
async function failuresOf(wrapper: Wrapped, callers = CALLERS): Promise<unknown[]> {
  return Promise.all(
    concurrently(callers, () => wrapper.send()).map((answer) => errorOf(() => answer)),
  )
}

describe("a handler that", () => {
  test.each(THROWS)(
    "%s runs once more for the 99 waiters, and all fail with the same value",
    async (_, run, thrown) => {
      const gate = deferred()
      const wrapper = wrapped(async (request, number) => {
        await gate.promise
        return run(request, number)
      }, POLICY)
      const failed = failuresOf(wrapper)
      await waitUntilIdle()
      gate.resolve()
      const all = await failed
      expect(all).toHaveLength(CALLERS)
      expect(all.every((one) => one === thrown)).toBe(true)
      expect(wrapper.runs()).toBe(2)
      expect(await wrapper.module.stats()).toEqual({ ...NO_STATS, misses: CALLERS })
      expect(await wrapper.module.inspect()).toMatchObject({ entries: 0, collapsed: 0 })
    },
  )

  test.each(THROWS)(
    "%s is not run again for 200 ms, in which callers fail with the same value",
    async (_, run, thrown) => {
      const wrapper = wrapped(run, POLICY)
      await failuresOf(wrapper, 1)
      await advanceSeconds(0.199)
      const all = await failuresOf(wrapper)
      expect(all.every((one) => one === thrown)).toBe(true)
      expect(wrapper.runs()).toBe(1)
      await advanceSeconds(0.001)
      await failuresOf(wrapper)
      expect(wrapper.runs()).toBe(3)
    },
  )
})

test("a thrown value that cannot be converted to a string fails all waiters with that value", async () => {
  const thrown = Object.create(null)
  const wrapper = wrapped(() => Promise.reject(thrown), POLICY)
  const outcomes = concurrently(3, () => wrapper.send()).map((answer) => outcomeSoFar(answer))
  for (const one of await Promise.all(outcomes)) expect(Object.is(one, thrown)).toBe(true)
  expect(wrapper.runs()).toBe(2)
})

describe("after consecutive failures", () => {
  const failing: TestHandler = () => {
    throw error
  }

  test("the handler is not run for 200 ms, 400 ms, 800 ms, 1.6 s, 2 s, 2 s", async () => {
    const wrapper = wrapped(failing, POLICY)
    await failuresOf(wrapper)
    for (const [row, seconds] of [0.2, 0.4, 0.8, 1.6, 2, 2].entries()) {
      await advanceSeconds(seconds - 0.001)
      await failuresOf(wrapper)
      expect(wrapper.runs()).toBe(2 * (row + 1))
      await advanceSeconds(0.001)
      await failuresOf(wrapper)
      expect(wrapper.runs()).toBe(2 * (row + 2))
    }
  })

  test("a failure 10 s after the last starts the pauses from the beginning", async () => {
    const wrapper = wrapped(failing, POLICY)
    await failuresOf(wrapper, 1)
    await advanceSeconds(0.2)
    await failuresOf(wrapper, 1)
    await advanceSeconds(10)
    await failuresOf(wrapper, 1)
    expect(wrapper.runs()).toBe(3)
    await advanceSeconds(0.199)
    await failuresOf(wrapper, 1)
    expect(wrapper.runs()).toBe(3)
    await advanceSeconds(0.001)
    await failuresOf(wrapper, 1)
    expect(wrapper.runs()).toBe(4)
  })

  test("a success resets the pauses", async () => {
    const wrapper = wrapped(
      (request, run) => (run === 3 ? new Response("up") : failing(request, run)),
      POLICY,
    )
    await failuresOf(wrapper, 1)
    await advanceSeconds(0.2)
    await failuresOf(wrapper, 1)
    await advanceSeconds(0.4)
    expect(await texts(concurrently(3, () => wrapper.send()))).toEqual(["up", "up", "up"])
    expect(wrapper.runs()).toBe(3)
    await wrapper.module.delete(AT)
    await failuresOf(wrapper, 1)
    await advanceSeconds(0.2)
    await failuresOf(wrapper, 1)
    expect(wrapper.runs()).toBe(5)
  })

  test("requests for other keys run the handler", async () => {
    const wrapper = wrapped(failing, POLICY)
    await failuresOf(wrapper, 1)
    await expect(wrapper.send(get(`${PATH}?other`))).rejects.toBe(error)
    expect(wrapper.runs()).toBe(2)
  })

  test("a response that is put meanwhile is served", async () => {
    const wrapper = wrapped(failing, POLICY)
    await failuresOf(wrapper)
    await wrapper.module.put(AT, new Response("warm"))
    expect(await (await wrapper.send()).text()).toBe("warm")
  })
})
