import { errorOf, get } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endTest,
  outcomeSoFar,
  PATH,
  POLICY,
  type TestHandler,
  TTL,
  texts,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

/** A handler that throws if the request has the header `X-Bad`. */
const failsForBad: TestHandler = ({ headers }) => {
  if (headers.has("x-bad")) throw new Error("bad request header")
  return new Response("fine")
}
const badRequest = (value = "1") => get(PATH, { "x-bad": value })

describe("a failure for one request", () => {
  test.each<[string, Record<string, string>]>([
    ["other header fields", { "x-other": "1" }],
    ["no header fields", {}],
    ["Authorization", { authorization: "Bearer a" }],
    ["a cookie", { cookie: "a=b" }],
    ["no-cache", { "cache-control": "no-cache" }],
    ["Pragma: no-cache", { pragma: "no-cache" }],
  ])("does not answer a request with %s", async (_, headers) => {
    const { send } = wrapped(failsForBad, POLICY)
    await errorOf(() => send(badRequest()))
    expect(await (await send(get(PATH, headers))).text()).toBe("fine")
  })

  test.each<[string, Record<string, string>]>([
    ["Authorization", { authorization: "Bearer a" }],
    ["a cookie", { cookie: "a=b" }],
    ["no-cache", { "cache-control": "no-cache" }],
  ])("does not answer the same request again if it has %s", async (_, headers) => {
    const { send, runs } = wrapped(() => {
      throw new Error("down")
    }, POLICY)
    await errorOf(() => send(get(PATH, headers)))
    await errorOf(() => send(get(PATH, headers)))
    expect(runs()).toBe(2)
  })

  test("answers the same request for 200 ms", async () => {
    const { send, runs } = wrapped(failsForBad, POLICY)
    await errorOf(() => send(badRequest()))
    await advanceSeconds(0.199)
    expect((await errorOf(() => send(badRequest()))).message).toBe("bad request header")
    expect(runs()).toBe(1)
    await advanceSeconds(0.001)
    await errorOf(() => send(badRequest()))
    expect(runs()).toBe(2)
  })

  test("every 10 ms does not fail other requests for a cold URL", async () => {
    const { send, module } = wrapped(failsForBad, POLICY)
    for (let round = 0; round < 100; round++) {
      await errorOf(() => send(badRequest(String(round))))
      await advanceSeconds(0.01)
    }
    expect(await (await send()).text()).toBe("fine")
    expect(await (await send(badRequest())).text()).toBe("fine")
    expect(await counts(module)).toMatchObject({ hits: 1 })
  })

  test("lets the next request refresh a stale response", async () => {
    const { send } = wrapped(failsForBad, { ttlSeconds: TTL, staleIfErrorSeconds: 600 })
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(cacheStatusOf(await send(badRequest()))).toBe("fwd=stale; ttl=0; detail=stale-if-error")
    expect(cacheStatusOf(await send())).toBe("fwd=stale; fwd-status=200; stored; ttl=60")
  })
})

describe("if the leader fails,", () => {
  test("one waiter becomes the leader, and all others get its response", async () => {
    const gate = deferred()
    const wrapper = wrapped(async (request, run) => {
      await gate.promise
      if (run === 1) throw new Error("first")
      return failsForBad(request, run)
    }, POLICY)
    const leader = errorOf(() => wrapper.send())
    const waiters = concurrently(99, () => wrapper.send())
    await waitUntilIdle()
    gate.resolve()
    expect((await leader).message).toBe("first")
    expect(countEach(await texts(waiters))).toEqual({ fine: 99 })
    expect(wrapper.runs()).toBe(2)
    expect(await counts(wrapper.module)).toEqual({ misses: 100, puts: 1 })
  })

  test("and then the second one too, the waiters fail with the second error", async () => {
    const gates = [deferred(), deferred()]
    const wrapper = wrapped(async (_, run) => {
      await gates[run - 1]?.promise
      throw new Error(`failure ${run}`)
    }, POLICY)
    const all = concurrently(10, () => wrapper.send()).map((call) => errorOf(() => call))
    await waitUntilIdle()
    gates[0]?.resolve()
    await waitUntilIdle()
    gates[1]?.resolve()
    expect(countEach((await Promise.all(all)).map(({ message }) => message))).toEqual({
      "failure 1": 1,
      "failure 2": 9,
    })
    expect(wrapper.runs()).toBe(2)
  })

  test("waiters like the failed request do not fail the others", async () => {
    const gates = [deferred(), deferred(), deferred()]
    const wrapper = wrapped(async ({ headers }, run) => {
      await gates[run - 1]?.promise
      if (headers.has("x-bad")) throw new Error(`failure ${run}`)
      return new Response(`run ${run}`)
    }, POLICY)
    const badRequest = () =>
      errorOf(() => wrapper.send(get(PATH, { "x-bad": "1" }))).then(({ message }) => message)
    const leader = badRequest()
    const [similar, others] = [[badRequest(), badRequest()], concurrently(3, () => wrapper.send())]
    await waitUntilIdle()
    gates[0]?.resolve()
    expect(await leader).toBe("failure 1")
    await waitUntilIdle()
    expect(wrapper.runs()).toBe(3)
    gates[1]?.resolve()
    gates[2]?.resolve()
    expect(countEach(await texts(others))).toEqual({ "run 3": 3 })
    expect(await Promise.all(similar)).toEqual(["failure 2", "failure 2"])
    expect(wrapper.runs()).toBe(3)
  })

  test("a waiter gets neither the error nor its message if the failed request had a cookie", async () => {
    const gate = deferred()
    const wrapper = wrapped(async ({ headers }) => {
      await gate.promise
      throw new Error(`no ${headers.get("cookie")}`)
    }, POLICY)
    const failed = ["u=1", "u=2", "u=3", "u=4"].map((cookie) =>
      errorOf(() => wrapper.send(get(PATH, { cookie }))),
    )
    await waitUntilIdle()
    gate.resolve()
    const hidden = "the handler has failed for another caller"
    expect(countEach((await Promise.all(failed)).map(({ message }) => message))).toEqual({
      "no u=1": 1,
      "no u=2": 1,
      [hidden]: 2,
    })
    expect(wrapper.runs()).toBe(2)
  })

  test("a waiter that may not lead runs the handler on its own", async () => {
    const gate = deferred()
    const wrapper = wrapped(async ({ headers }, run) => {
      await gate.promise
      if (run === 1) throw new Error("first")
      return new Response(headers.get("authorization"))
    }, POLICY)
    const leader = errorOf(() => wrapper.send())
    const waiters = concurrently(3, (caller) =>
      wrapper.send(get(PATH, { authorization: `user ${caller}` })),
    )
    await waitUntilIdle()
    gate.resolve()
    expect((await leader).message).toBe("first")
    expect(await texts(waiters)).toEqual(["user 0", "user 1", "user 2"])
    expect(wrapper.runs()).toBe(4)
  })

  test("waiters get the stale response if stale-if-error allows it, and no handler is run", async () => {
    const gate = deferred()
    const wrapper = wrapped(
      async (_, run) => {
        if (run === 1) return new Response("old")
        await gate.promise
        throw new Error("down")
      },
      { ttlSeconds: TTL, staleIfErrorSeconds: 60 },
    )
    await (await wrapper.send()).text()
    await advanceSeconds(TTL)
    const all = concurrently(5, () => wrapper.send())
    await waitUntilIdle()
    gate.resolve()
    expect(countEach(await texts(all))).toEqual({ old: 5 })
    expect(wrapper.runs()).toBe(2)
  })
})

const forbidden = () => {
  throw new Error("not to be read")
}

describe("a thrown response", () => {
  const notFound = () => new Response("gone", { status: 404 })
  const ANSWERS: [string, unknown][] = [
    ["a Response", notFound()],
    ["a Response of status 500", new Response("down", { status: 500 })],
    ["an error with getResponse()", Object.assign(new Error("gone"), { getResponse: notFound })],
    ["an error with a status of 404", Object.assign(new Error("gone"), { status: 404 })],
    ["an error with a statusCode of 499", Object.assign(new Error("gone"), { statusCode: 499 })],
    ["an object with a status of 400", { status: 400 }],
  ]
  const FAILURES: [string, unknown][] = [
    ["an error with a status of 500", Object.assign(new Error("down"), { status: 500 })],
    ["an error with a status of 399", Object.assign(new Error("down"), { status: 399 })],
    [
      "an error with a status that is no number",
      Object.assign(new Error("down"), { status: "404" }),
    ],
    ["an object whose status throws", Object.defineProperty({}, "status", { get: forbidden })],
    ["null", null],
  ]

  /** Wraps a handler that responds with `old` on its first run and throws on later ones. */
  function throwing(thrown: unknown, options = {}) {
    return wrapped(
      (_, run) => {
        if (run === 1) return new Response("old")
        throw thrown
      },
      { ttlSeconds: TTL, staleIfErrorSeconds: 600, ...options },
    )
  }

  test.each(ANSWERS)(
    "that is %s is rethrown unchanged, instead of a stale response",
    async (_, thrown) => {
      const { send } = throwing(thrown)
      await (await send()).text()
      await advanceSeconds(TTL)
      expect(await errorOf(() => send())).toBe(thrown)
    },
  )

  test.each(ANSWERS)("that is %s does not pause the handler", async (_, thrown) => {
    const { send, runs } = wrapped(() => {
      throw thrown
    }, POLICY)
    expect(await errorOf(() => send())).toBe(thrown)
    expect(await errorOf(() => send())).toBe(thrown)
    expect(runs()).toBe(2)
  })

  test.each(FAILURES)("is not %s, which is replaced by a stale response", async (_, thrown) => {
    const { send } = throwing(thrown)
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(await (await send()).text()).toBe("old")
  })

  test("goes to its own client, and each waiter runs the handler on its own", async () => {
    const gate = deferred()
    const wrapper = wrapped(async (_, run) => {
      await gate.promise
      throw new Response(`for caller ${run}`, { status: 403 })
    }, POLICY)
    const calls = concurrently(10, () => wrapper.send()).map((call) => errorOf(() => call))
    await waitUntilIdle()
    gate.resolve()
    const bodies = (await Promise.all(calls)).map((thrown) =>
      (thrown as unknown as Response).text(),
    )
    expect(new Set(await Promise.all(bodies)).size).toBe(10)
    expect(wrapper.runs()).toBe(10)
  })

  test("with 404 or 410 removes the stale response, in the background as well", async () => {
    for (const status of [404, 410]) {
      const wrapper = throwing(new Response("gone", { status }), {
        staleWhileRevalidateSeconds: 60,
      })
      await (await wrapper.send()).text()
      await advanceSeconds(TTL)
      expect(await (await wrapper.send()).text()).toBe("old")
      await waitUntilIdle()
      expect(await wrapper.module.match(AT)).toBeUndefined()
    }
  })

  test("with 403 in the background is a failed refresh, and is followed by a pause", async () => {
    const wrapper = throwing(new Response("no", { status: 403 }), {
      staleWhileRevalidateSeconds: 60,
    })
    await (await wrapper.send()).text()
    await advanceSeconds(TTL)
    for (let n = 0; n < 3; n++) {
      expect(await (await wrapper.send()).text()).toBe("old")
      await waitUntilIdle()
    }
    expect(wrapper.runs()).toBe(2)
    expect(await counts(wrapper.module)).toMatchObject({ failedRefreshes: 1 })
  })
})

test("a failing leader does not change the abort reason of a waiter that has aborted", async () => {
  const gate = deferred()
  const wrapper = wrapped(async () => {
    await gate.promise
    throw new Error("down")
  }, POLICY)
  const leader = errorOf(() => wrapper.send())
  const client = new AbortController()
  const waiters = errorOf(() => wrapper.send(new Request(AT, { signal: client.signal })))
  await waitUntilIdle()
  client.abort(new Error("gone"))
  gate.resolve()
  expect([(await leader).message, (await waiters).message]).toEqual(["down", "gone"])
  expect(wrapper.runs()).toBe(1)
  expect(await outcomeSoFar(Promise.resolve(1))).toBe(1)
})

test("a failure for a request whose headers cannot be listed does not block the next request", async () => {
  const { send, runs } = wrapped((_, run) => {
    if (run === 1) throw new Error("down")
    return new Response("answered")
  }, POLICY)
  const unlisted = { method: "GET", url: AT, headers: { get: () => null } } as unknown as Request
  await errorOf(() => send(unlisted))
  expect(await outcomeSoFar(send(), (response) => response.text())).toBe("answered")
  expect(runs()).toBe(2)
})
