import { bodyOf, freshCache, get, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { deferred } from "../helpers/stale-module"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  counts,
  endTest,
  PATH,
  POLICY,
  type TestHandler,
  TTL,
  texts,
  waitUntil,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const PATHS = [PATH, `${PATH}?q=1`, `${PATH}0`, "/w", "/other"]

/** Wraps a handler with an entry at each path; `answer` handles methods other than GET. */
async function wrappedWithEntries(answer: TestHandler, paths: readonly string[] = PATHS) {
  const wrapper = wrapped(
    (request, run) =>
      request.method === "GET" ? new Response(`run ${run}`) : answer(request, run),
    POLICY,
  )
  await texts(paths.map((path) => wrapper.send(get(path))))
  const remaining = async () => {
    const present = await Promise.all(
      paths.map(async (path) => (await bodyOf(wrapper.module, url(path))) !== undefined),
    )
    return paths.filter((_, index) => present[index])
  }
  return { ...wrapper, remaining }
}

function unsafeRequest(method = "POST", at = AT): Request {
  return new Request(at, { method })
}

const pathsWithout = (...gone: string[]) => PATHS.filter((path) => !gone.includes(path))
const respondingWith =
  (status: number, headers: Record<string, string> = {}): TestHandler =>
  () =>
    new Response(null, { status, headers })

describe("an unsafe request", () => {
  test("that succeeds removes the stored responses for its URL, and no others", async () => {
    const { module, send, remaining } = await wrappedWithEntries(respondingWith(204))
    const response = await send(unsafeRequest())
    expect([response.status, cacheStatusOf(response)]).toEqual([204, "fwd=method; fwd-status=204"])
    expect(await remaining()).toEqual(pathsWithout(PATH))
    expect(await counts(module)).toMatchObject({ invalidations: 1, misses: PATHS.length + 1 })
  })

  test("that is answered by an error removes nothing and counts no invalidation", async () => {
    const { module, send, remaining } = await wrappedWithEntries(
      respondingWith(404, { location: "/other" }),
    )
    await send(unsafeRequest())
    expect(await remaining()).toEqual(PATHS)
    expect(await counts(module)).not.toHaveProperty("invalidations")
  })

  test("and fails removes nothing, and only its caller gets the error", async () => {
    const { send, remaining, runs } = await wrappedWithEntries(() =>
      Promise.reject(new Error("down")),
    )
    await expect(send(unsafeRequest())).rejects.toThrow("down")
    expect(await remaining()).toEqual(PATHS)
    await expect(send(unsafeRequest())).rejects.toThrow("down")
    expect(runs()).toBe(PATHS.length + 2)
  })

  test("removes every variant, of every method", async () => {
    const rules = [{ methods: ["GET", "QUERY"], vary: ["x-key"] }]
    const module = freshCache({ ...POLICY, rules })
    const vary = { headers: { vary: "x-a" } }
    const variants: Record<string, string>[] = [
      { "x-a": "1" },
      { "x-a": "2" },
      { "x-key": "1", "x-a": "1" },
    ]
    for (const headers of variants) {
      await module.put(get(PATH, headers), new Response("x", vary))
    }
    await module.put(new Request(AT, { method: "QUERY" }), new Response("x"))
    await module.put(get("/other"), new Response("x"))
    await module.wrap(() => new Response("done"))(unsafeRequest())
    expect(await module.inspect()).toMatchObject({ entries: 1, invalidations: 4 })
  })

  test("removes the responses for its URL, however that is spelled", async () => {
    const { send, remaining } = await wrappedWithEntries(respondingWith(200), [`${PATH}?a=1&b=2`])
    await send(unsafeRequest("PUT", `${AT}?b=2&a=1#part`))
    expect(await remaining()).toEqual([])
  })
})

test("a request with QUERY, which is safe, removes nothing", async () => {
  const { send, remaining } = await wrappedWithEntries(
    respondingWith(200, { "content-location": "/other" }),
  )
  expect(cacheStatusOf(await send(unsafeRequest("QUERY")))).toBe("fwd=method; fwd-status=200")
  expect(await remaining()).toEqual(PATHS)
})

test("a URL that the response to an unsafe request names is counted as a second invalidation", async () => {
  const location = "../../other#part"
  const { module, send, remaining } = await wrappedWithEntries(respondingWith(201, { location }))
  expect((await send(unsafeRequest())).headers.get("location")).toBe(location)
  expect(await remaining()).toEqual(pathsWithout(PATH, "/other"))
  expect(await counts(module)).toMatchObject({ invalidations: 2 })
})

describe("during an unsafe request, a GET", () => {
  function unsafeDuringGet() {
    const gates = { GET: deferred(), POST: deferred() }
    const wrapper = wrapped(async ({ method }, run) => {
      await gates[method as "GET" | "POST"].promise
      return new Response(`run ${run}`)
    }, POLICY)
    return { ...wrapper, gates }
  }

  test("that began before its end is not stored, and a later GET has a run of its own", async () => {
    const { module, send, gates, runs } = unsafeDuringGet()
    const post = send(unsafeRequest())
    const earlyGet = send()
    await waitUntil(() => runs() === 2)
    gates.POST.resolve()
    await post
    const lateGet = send()
    await waitUntil(() => runs() === 3)
    gates.GET.resolve()
    expect(await texts([earlyGet, lateGet])).toEqual(["run 2", "run 3"])
    expect(await bodyOf(module, AT)).toBe("run 3")
    expect(await counts(module)).toMatchObject({ puts: 1, fencedWrites: 1 })
  })

  test("that began after it ended is stored", async () => {
    const { module, send, gates } = unsafeDuringGet()
    gates.POST.resolve()
    await send(unsafeRequest())
    gates.GET.resolve()
    await (await send()).text()
    expect(await bodyOf(module, AT)).toBe("run 2")
  })

  test("in the background that began before it ended is not stored", async () => {
    const { module, send, gates, runs } = unsafeDuringGet()
    await module.put(AT, new Response("old"), POLICY)
    await advanceSeconds(TTL)
    expect(await (await send()).text()).toBe("old")
    gates.POST.resolve()
    await send(unsafeRequest())
    gates.GET.resolve()
    await waitUntilIdle()
    expect(runs()).toBe(2)
    expect(await bodyOf(module, AT)).toBeUndefined()
    expect(await counts(module)).toMatchObject({ puts: 1, fencedWrites: 1 })
  })
})
