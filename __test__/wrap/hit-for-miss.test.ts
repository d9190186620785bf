import { bodyOf, get, refusals } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  concurrently,
  countEach,
  counts,
  endOfTest,
  endTest,
  PATH,
  POLICY,
  texts,
  type Wrapped,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 100
/** Seconds for which an uncacheable response disables coalescing of its key (hit-for-miss). */
const HIT_FOR_MISS_SECONDS = 60

const OUTCOMES: [string, Record<string, string>, string | undefined][] = [
  ["private", { "cache-control": "private, max-age=60" }, "private"],
  ["no-store", { "cache-control": "no-store" }, "no-store"],
  ["no-cache", { "cache-control": "no-cache" }, "no-cache"],
  ["no-cache with an entity tag", { "cache-control": "no-cache", etag: '"v"' }, undefined],
  [
    "stale from the beginning, with an entity tag",
    { "cache-control": "max-age=0", etag: '"v"' },
    undefined,
  ],
  ["expired on arrival", { "cache-control": "max-age=5", age: "6" }, undefined],
  ["with Set-Cookie", { "cache-control": "max-age=60", "set-cookie": "a=b" }, "set-cookie"],
  ["with Vary: *", { "cache-control": "max-age=60", vary: "*" }, "vary"],
  ["of no known freshness", {}, "no-freshness"],
  [
    "text/event-stream",
    { "cache-control": "max-age=60", "content-type": "text/event-stream" },
    "event-stream",
  ],
]

/** Wraps a handler whose first run waits for `release`, as do later runs after `holdRuns`. */
function gatedWrapper(headers: Record<string, string>) {
  const first = deferred()
  let isHeld = false
  const wrapper = wrapped(async (_, run) => {
    if (run === 1) await first.promise
    if (isHeld) await endOfTest()
    return new Response(`run ${run}`, { headers })
  })
  const holdRuns = () => {
    isHeld = true
  }
  return { ...wrapper, release: first.resolve, holdRuns }
}

/** Returns the number of runs that `callers` concurrent callers start before any response. */
async function countRuns(wrapper: Wrapped, callers = 3, path = PATH): Promise<number> {
  const before = wrapper.runs()
  concurrently(callers, () => wrapper.send(get(path)))
  await waitUntilIdle()
  return wrapper.runs() - before
}

describe("a response that turns out to be", () => {
  test.each(OUTCOMES)(
    "%s goes to one caller only: each of 100 has its own run",
    async (_, headers, reason) => {
      const { module, send, runs, release } = gatedWrapper(headers)
      const all = concurrently(CALLERS, () => send())
      await waitUntilIdle()
      expect(runs()).toBe(1)
      release()
      expect(countEach(await texts(all))).toEqual(
        Object.fromEntries(Array.from({ length: CALLERS }, (_, index) => [`run ${index + 1}`, 1])),
      )
      expect(runs()).toBe(CALLERS)
      const { puts: _puts, ...others } = await counts(module)
      expect(others).toEqual({ misses: CALLERS })
      expect(await refusals(module)).toEqual(reason === undefined ? {} : { [reason]: CALLERS })
    },
  )

  test.each(OUTCOMES)("%s lets requests run without waiting for a minute", async (_, headers) => {
    const wrapper = gatedWrapper(headers)
    wrapper.release()
    await (await wrapper.send()).text()
    wrapper.holdRuns()
    expect(await countRuns(wrapper)).toBe(3)
    await advanceSeconds(HIT_FOR_MISS_SECONDS - 0.001)
    expect(await countRuns(wrapper)).toBe(3)
    await advanceSeconds(0.001)
    expect(await countRuns(wrapper)).toBe(1)
  })
})

describe("hit-for-miss of a key", () => {
  test("does not affect other keys", async () => {
    const wrapper = gatedWrapper({ "cache-control": "private" })
    wrapper.release()
    await wrapper.send()
    wrapper.holdRuns()
    expect(await countRuns(wrapper, 3, `${PATH}?other`)).toBe(1)
    expect(await countRuns(wrapper)).toBe(3)
  })

  test("ends with the first cacheable response", async () => {
    const wrapper = wrapped(async (_, run) => {
      if (run > 2) await endOfTest()
      return new Response("x", {
        headers: { "cache-control": run === 1 ? "private" : "max-age=60" },
      })
    })
    await wrapper.send()
    await (await wrapper.send()).text()
    expect(await bodyOf(wrapper.module, AT)).toBe("x")
    await wrapper.module.delete(AT)
    expect(await countRuns(wrapper)).toBe(1)
  })

  test("does not prevent hits", async () => {
    const wrapper = gatedWrapper({ "cache-control": "private" })
    wrapper.release()
    await wrapper.send()
    await wrapper.module.put(AT, new Response("public"))
    expect(await (await wrapper.send()).text()).toBe("public")
    expect(wrapper.runs()).toBe(1)
  })

  test("is not caused by a request with no-store", async () => {
    const wrapper = gatedWrapper({ "cache-control": "max-age=60" })
    wrapper.release()
    await wrapper.send(get(PATH, { "cache-control": "no-store" }))
    expect(await refusals(wrapper.module)).toEqual({ "request-no-store": 1 })
    wrapper.holdRuns()
    expect(await countRuns(wrapper)).toBe(1)
  })
})

describe("requests with Authorization", () => {
  const authorized = (token = "a") => get(PATH, { authorization: token })

  test("share no run, and do not make their key hit-for-miss", async () => {
    const wrapper = wrapped(async () => {
      await endOfTest()
      return new Response("x")
    }, POLICY)
    concurrently(CALLERS, () => wrapper.send(authorized()))
    await waitUntilIdle()
    expect(wrapper.runs()).toBe(CALLERS)
    expect(await countRuns(wrapper)).toBe(1)
  })

  test("each run the handler, and nothing is stored", async () => {
    const { module, send, runs } = wrapped(async (_, run) => new Response(`run ${run}`), POLICY)
    expect(new Set(await texts(concurrently(CALLERS, () => send(authorized())))).size).toBe(CALLERS)
    expect(runs()).toBe(CALLERS)
    expect(await refusals(module)).toEqual({ authorization: CALLERS })
    expect(await bodyOf(module, AT)).toBeUndefined()
  })

  test("wait for the run of a request without, and get its shared response", async () => {
    const gate = deferred()
    const { send, runs } = wrapped(async () => {
      await gate.promise
      return new Response("for all")
    }, POLICY)
    const all = [send(), send(authorized())]
    gate.resolve()
    expect(await texts(all)).toEqual(["for all", "for all"])
    expect(runs()).toBe(1)
  })

  test("run once per token if the token is part of the key", async () => {
    const { send, runs } = wrapped(
      async ({ headers }) => new Response(headers.get("authorization")),
      {
        ...POLICY,
        vary: ["authorization"],
      },
    )
    const results = await texts(
      concurrently(CALLERS, (caller) => send(authorized(`token-${caller % 2}`))),
    )
    expect(countEach(results)).toEqual({ "token-0": CALLERS / 2, "token-1": CALLERS / 2 })
    expect(runs()).toBe(2)
  })
})
