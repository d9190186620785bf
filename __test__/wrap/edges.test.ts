/** Edge cases of `wrap`: entries shared with direct calls, and clocks that jump. */
import { freshCache, url } from "../helpers/cache"
import { setClock, stopTime } from "../helpers/clock"
import { endTest, TTL, wrapped } from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

const AT = url("/edge")
const text = async (response: Response | undefined) => response?.text()

test("delete removes the response that match would find, even if a newer one is kept for validation", async () => {
  const module = freshCache()
  const request = () => new Request(AT, { headers: { accept: "a" } })
  await module.put(request(), new Response("put"), { ttlSeconds: TTL })
  const headers = { "cache-control": "max-age=0", etag: '"v1"', vary: "accept" }
  const fetch = module.wrap(() => new Response("kept", { headers }))
  await text(
    await fetch(new Request(AT, { headers: { accept: "a", "cache-control": "no-cache" } })),
  )
  expect((await module.inspect()).entries).toBe(2)
  expect(await text(await module.match(request()))).toBe("put")
  expect(await module.delete(request())).toBe(true)
  expect(await module.match(request())).toBeUndefined()
  expect((await module.inspect()).entries).toBe(0)
})

test("a 304 for a response put without a Date is answered with the freshened response, and counts once", async () => {
  const module = freshCache()
  await module.put(AT, new Response("put", { headers: { etag: '"v1"' } }), { ttlSeconds: TTL })
  const headers = { etag: '"v1"', "last-modified": new Date(0).toUTCString(), "x-new": "1" }
  const fetch = module.wrap(() => new Response(null, { status: 304, headers }))
  const response = await fetch(new Request(AT, { headers: { "cache-control": "no-cache" } }))
  expect([response.headers.get("x-new"), await response.text()]).toEqual(["1", "put"])
  expect((await module.inspect()).revalidations).toBe(1)
})

describe("a clock that is set back by an hour", () => {
  test("does not let a key fail for an hour", async () => {
    let fails = true
    const wrapper = wrapped(
      () => {
        if (fails) throw new Error("down")
        return new Response("up")
      },
      { ttlSeconds: TTL },
    )
    setClock(3_600)
    await expect(wrapper.send()).rejects.toThrow("down")
    fails = false
    setClock(0)
    expect(await (await wrapper.send()).text()).toBe("up")
  })

  test("does not let every request run the handler for an hour", async () => {
    let isPrivate = true
    const wrapper = wrapped(
      async () => {
        await Promise.resolve()
        return new Response("x", isPrivate ? { headers: { "cache-control": "private" } } : {})
      },
      { ttlSeconds: TTL },
    )
    setClock(3_600)
    await text(await wrapper.send())
    isPrivate = false
    setClock(0)
    await Promise.all([wrapper.send(), wrapper.send(), wrapper.send()])
    expect(wrapper.runs()).toBe(2)
  })
})
