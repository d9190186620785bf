import { get } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import {
  AT,
  advanceSeconds,
  cacheStatusOf,
  concurrently,
  countEach,
  counts,
  endTest,
  PATH,
  type TestHandler,
  TTL,
  texts,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const CALLERS = 100
const OPTIONS = { ttlSeconds: TTL }

/**
 * Creates a handler that responds with a validator, and to a request with it by a 304 with
 * `headers`.
 */
function validatingHandler(
  validator: Record<string, string>,
  headers: Record<string, string> = {},
): TestHandler {
  return (request, run) => {
    const etag = request.headers.get("if-none-match")
    const since = request.headers.get("if-modified-since")
    const matches = etag === null ? since === validator["last-modified"] : etag === validator.etag
    return (etag !== null || since !== null) && matches
      ? new Response(null, { status: 304, headers: { "x-run": `${run}`, ...headers } })
      : new Response("body", {
          headers: { "x-run": `${run}`, "content-type": "text/plain", ...validator },
        })
  }
}

describe("a stale response that the handler confirms by a 304", () => {
  test("keeps its tags and gets those of the 304, and its length, coding and cookies are not the 304's", async () => {
    const later = {
      "cache-tag": "b",
      "content-length": "0",
      "content-encoding": "br",
      "set-cookie": "a=b",
      etag: '"v1"',
    }
    const { module, send } = wrapped(
      validatingHandler({ etag: '"v1"', "cache-tag": "a" }, later),
      OPTIONS,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    await (await send()).text()
    const { headers } = await send()
    for (const name of ["content-length", "content-encoding", "set-cookie", "cache-tag"]) {
      expect([name, headers.get(name)]).toEqual([name, null])
    }
    expect((await module.explain(AT)).entry?.tags).toEqual(["a", "b"])
    expect(await module.purge({ tags: ["a"] })).toEqual({ purged: 1 })
  })

  test("is sent to 100 callers after one run", async () => {
    const { module, send, runs } = wrapped(
      async (request, run) => validatingHandler({ etag: '"v1"' })(request, run),
      OPTIONS,
    )
    await (await send()).text()
    await advanceSeconds(TTL)
    expect(countEach(await texts(concurrently(CALLERS, () => send())))).toEqual({ body: CALLERS })
    expect(runs()).toBe(2)
    expect(await counts(module)).toMatchObject({ misses: 1 + CALLERS, revalidations: 1 })
  })

  test.each<[string, Record<string, string>, number]>([
    ["the entity tag that is stored", { "if-none-match": '"v1"' }, 304],
    ["another entity tag", { "if-none-match": '"mine"' }, 200],
    ["a range", { range: "bytes=1-2" }, 206],
  ])("is compared with the caller's own condition, for %s", async (_, headers, status) => {
    const { send, received } = wrapped(validatingHandler({ etag: '"v1"' }), OPTIONS)
    await (await send()).text()
    await advanceSeconds(TTL)
    const response = await send(get(PATH, headers))
    expect(received[1]?.headers.get("if-none-match")).toBe('"v1"')
    expect([response.status, cacheStatusOf(response)]).toEqual([
      status,
      "fwd=stale; fwd-status=304; ttl=60",
    ])
  })

  test("is the only variant freshened, even if others have the same strong entity tag", async () => {
    const etag = '"v1"'
    const { module, send } = wrapped(({ headers }) => {
      if (headers.has("if-none-match"))
        return new Response(null, { status: 304, headers: { etag } })
      return new Response(headers.get("x-a"), { headers: { etag, vary: "x-a" } })
    }, OPTIONS)
    const of = (name: string) => send(get(PATH, { "x-a": name }))
    await texts([of("1"), of("2")])
    await advanceSeconds(TTL)
    for (const name of ["1", "2"]) {
      const response = await of(name)
      expect([cacheStatusOf(response), await response.text()]).toEqual([
        "fwd=stale; fwd-status=304; ttl=60",
        name,
      ])
    }
    expect(await counts(module)).toMatchObject({ puts: 2, revalidations: 2 })
  })
})
