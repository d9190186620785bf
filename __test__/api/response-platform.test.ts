/** Stored responses in functions of the platform, and their inspected form. */
import { formatWithOptions, inspect } from "node:util"
import { freshCache, mustMatch, url } from "../helpers/cache"
import { responsePair, secondStored } from "../helpers/response-pair"

const INIT = {
  status: 203,
  statusText: "Fine",
  headers: { "content-type": "text/plain", "x-a": "1", "x-b": "" },
}

describe("headers of a stored response", () => {
  const { prototype } = Headers
  const uses: Readonly<Record<string, (headers: Headers) => unknown>> = {
    get: (headers) => prototype.get.call(headers, "content-type"),
    "get in upper case": (headers) => prototype.get.call(headers, "CONTENT-TYPE"),
    "get of what is not there": (headers) => prototype.get.call(headers, "x-c"),
    has: (headers) => ["X-A", "x-c"].map((name) => prototype.has.call(headers, name)),
    set: (headers) => [prototype.set.call(headers, "x-a", "2"), headers.get("x-a")],
    append: (headers) => [prototype.append.call(headers, "X-A", "2"), headers.get("x-a")],
    delete: (headers) => [prototype.delete.call(headers, "X-A"), headers.get("x-a")],
    getSetCookie: (headers) => prototype.getSetCookie.call(headers),
    forEach: (headers) => {
      const seen: unknown[] = []
      prototype.forEach.call(headers, (value, name) => seen.push([name, value]))
      return seen.length
    },
    keys: (headers) => [...prototype.keys.call(headers)].includes("x-a"),
    values: (headers) => [...prototype.values.call(headers)].includes("1"),
    entries: (headers) => [...prototype.entries.call(headers)].some(([name]) => name === "x-b"),
    iterator: (headers) =>
      [...prototype[Symbol.iterator].call(headers)].some(([name]) => name === "x-b"),
  }

  test.each(Object.keys(uses))(
    "are read by %s of Headers.prototype as the platform's are",
    async (name) => {
      const { stored, platform } = await responsePair("body", INIT)
      // Copies the header fields that the cache writes to the platform's response.
      for (const written of ["age", "cache-status", "cache-control"]) {
        platform.headers.set(written, stored.headers.get(written)!)
      }
      expect(uses[name]!(stored.headers)).toEqual(uses[name]!(platform.headers))
    },
  )

  test("have the platform's methods only, so that names in any case are handled alike", async () => {
    const { stored } = await responsePair("body", INIT)
    expect(Object.getPrototypeOf(stored.headers)).toBe(prototype)
    expect(Reflect.ownKeys(stored.headers)).toEqual(Reflect.ownKeys(new Headers()))
    expect(stored.headers.get("Content-Type")).toBe("text/plain")
  })

  test("can be copied, spread and converted to an object", async () => {
    const { stored } = await responsePair("body", INIT)
    const pairs = [...stored.headers]
    expect(pairs).toContainEqual(["x-b", ""])
    expect([...new Headers(stored.headers)]).toEqual(pairs)
    expect(Object.entries(Object.fromEntries(stored.headers))).toEqual(pairs)
    expect([...new Response(null, { headers: stored.headers }).headers]).toEqual(pairs)
    expect([...new Request(url("/a"), { headers: stored.headers }).headers]).toEqual(pairs)
  })
})

describe("a clone of a response with status 799", () => {
  const unusual = () => {
    const headers = new Headers({ "x-a": "1" })
    const own = {
      status: 799,
      statusText: "Odd",
      bodyUsed: false,
      headers,
      body: new Response("body").body,
    }
    return own as unknown as Response
  }
  const expectOdd = async (response: Response) => {
    const { status, ok, statusText } = response
    expect([status, ok, statusText, response.headers.get("x-a")]).toEqual([799, false, "Odd", "1"])
    expect(await response.text()).toBe("body")
  }

  test.each<[string, (response: Response) => unknown]>([
    ["before its body was asked for", () => {}],
    ["after its body was asked for", (response) => response.body],
    ["after its headers were", (response) => response.headers],
  ])("from the store has the status, made %s, and so has a clone of it", async (_, before) => {
    const module = freshCache()
    await module.put(url("/a"), unusual())
    const hit = await mustMatch(module, url("/a"))
    before(hit)
    const clone = hit.clone()
    await expectOdd(clone.clone())
    await expectOdd(clone)
    await expectOdd(hit)
  })

  test("that a wrapped handler has just made has the status, and so has a clone of it", async () => {
    const handle = freshCache().wrap(async () => unusual())
    const response = await handle(new Request(url("/a")))
    const clone = response.clone()
    await expectOdd(clone.clone())
    await expectOdd(clone)
    await expectOdd(response)
  })
})

describe("an inspected stored response", () => {
  /** Takes the whole body, unless the response's stream was created or its body used. */
  const takeWhole = Symbol.for("@layeron/modules.takeWhole")
  const whole = (response: Response) =>
    (response as unknown as Record<symbol, () => unknown>)[takeWhole]!()

  test.each([
    ["2 KB", 2_000],
    ["200 KB", 200_000],
  ])("of %s looks like the platform's, and inspecting it creates no stream", async (_, length) => {
    const { stored, platform } = await responsePair("b".repeat(length), INIT)
    const inspected = inspect(stored)
    const lines = inspected.split("\n").map((line) => line.trim())
    expect(lines[0]).toBe("Response {")
    const names = inspect(platform).match(/^ {2}\w+(?=:)/gm)
    expect(inspected.match(/^ {2}\w+(?=:)/gm)).toEqual(names)
    expect(lines).toEqual(
      expect.arrayContaining([
        "status: 203,",
        "statusText: 'Fine',",
        "bodyUsed: false,",
        "ok: true,",
      ]),
    )
    expect(inspected).toContain(`body: [${length} bytes],`)
    expect(inspected).toContain("'content-type': 'text/plain'")
    expect(whole(stored)).toBeDefined()
  })

  test("in the console, in an object or in a format creates no stream and uses no body", async () => {
    const { stored } = await responsePair("body", INIT)
    const log = jest
      .spyOn(console, "log")
      .mockImplementation((...values) => formatWithOptions({}, ...(values as [])))
    console.log(stored)
    console.log({ deeply: { nested: [{ stored }] } })
    console.log("%o %O %s", stored, stored, stored)
    log.mockRestore()
    expect(inspect([[[stored]]])).toBe("[ [ [ [Response] ] ] ]")
    expect(
      inspect(stored, { showHidden: true, depth: null, getters: true, colors: true }),
    ).toContain("Response {")
    expect(stored.bodyUsed).toBe(false)
    expect(whole(stored)).toBeDefined()
  })

  test("shows that its body is used, and its stream once it was created", async () => {
    const { module, stored } = await responsePair("body")
    await stored.text()
    expect(inspect(stored)).toContain("bodyUsed: true")
    const looked = await secondStored(module)
    looked.body
    expect(inspect(looked)).toContain("body: ReadableStream {")
    expect(await looked.text()).toBe("body")
  })

  test("without a body shows none", async () => {
    const { stored } = await responsePair(null, { status: 204 })
    expect(inspect(stored)).toContain("body: null,")
  })
})
