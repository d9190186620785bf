import { freshCache, get, mustMatch, url } from "../helpers/cache"
import {
  expectAlike,
  outcome,
  ownHeaders,
  responsePair,
  secondStored,
} from "../helpers/response-pair"

test("a found response is a Response, by every public property as the platform's", async () => {
  const { stored, platform } = await responsePair("body", {
    status: 203,
    statusText: "Not Mine",
    headers: { "x-a": "1" },
  })
  expect(stored).toBeInstanceOf(Response)
  for (const property of [
    "status",
    "statusText",
    "ok",
    "type",
    "url",
    "redirected",
    "bodyUsed",
  ] as const) {
    expect([property, stored[property]]).toEqual([property, platform[property]])
  }
  expect(stored.headers).toBeInstanceOf(Headers)
  expect(stored.body).toBeInstanceOf(ReadableStream)
  expect(ownHeaders(stored)).toEqual(ownHeaders(platform))
  expect(Object.prototype.toString.call(stored)).toBe("[object Response]")
})

test.each([200, 201, 204, 205, 299, 300, 404, 500, 599])(
  "ok and body of a %i are the platform's",
  async (status) => {
    const { stored, platform } = await responsePair(null, { status })
    expect([stored.status, stored.ok, stored.body]).toEqual([status, platform.ok, null])
  },
)

test("a statusText of Latin-1 letters and tabs comes back as it was", async () => {
  const { stored } = await responsePair(null, { statusText: "sch\u00f6n\t: \u00ff" })
  expect(stored.statusText).toBe("sch\u00f6n\t: \u00ff")
})

describe("headers", () => {
  test("of Latin-1 letters, colons, commas and quotes, and empty ones, come back as they were", async () => {
    const headers = {
      "x-latin": "\u00e9\u00ff\u0080",
      "x-colon": "a: b:",
      "x-list": 'a, "b,c"',
      "x-empty": "",
      "x-tab": "a\tb",
    }
    const { stored, platform } = await responsePair("a", { headers })
    expect(ownHeaders(stored)).toEqual(ownHeaders(platform))
  })

  test("that were repeated come back joined, as the platform joins them", async () => {
    const headers = new Headers()
    for (const value of ["1", "2", ""]) headers.append("X-Repeated", value)
    const { stored, platform } = await responsePair("a", { headers })
    expect(stored.headers.get("x-repeated")).toBe(platform.headers.get("x-repeated"))
  })

  test.each([1, 40, 400])(
    "of %i KB come back whole, before a body of any size",
    async (kilobytes) => {
      const lines = kilobytes * 4
      const headers = Object.fromEntries(
        Array.from({ length: lines }, (_, n) => [`x-${n}`, `${n}`.padEnd(256, "v")]),
      )
      for (const body of [null, "", "small", "b".repeat(40_000)]) {
        const { stored, platform } = await responsePair(body, { headers })
        expect(ownHeaders(stored)).toEqual(ownHeaders(platform))
        expect(await stored.text()).toBe(body ?? "")
      }
    },
  )

  test("belong to the one response: changing them changes neither the entry nor another match", async () => {
    const { module, stored } = await responsePair("a", { headers: { "x-a": "1" } })
    stored.headers.set("x-a", "2")
    stored.headers.append("x-b", "3")
    expect([stored.headers.get("x-a"), stored.headers.get("x-b")]).toEqual(["2", "3"])
    const { headers } = await secondStored(module)
    expect([headers.get("x-a"), headers.get("x-b")]).toEqual(["1", null])
  })

  test("of one connection are not kept, nor those that Connection names", async () => {
    const headers = {
      connection: "close, x-hop",
      "keep-alive": "1",
      "x-hop": "1",
      te: "trailers",
      upgrade: "h2c",
      "x-a": "1",
    }
    const { stored } = await responsePair("a", { headers })
    const names = ownHeaders(stored).map(([name]) => name)
    expect(names).toEqual(["content-type", "x-a"])
  })
})

describe("a clone", () => {
  test("has all parts of the original, and both bodies can be read", async () => {
    const { stored } = await responsePair("body", {
      status: 203,
      statusText: "Fine",
      headers: { "x-a": "1" },
    })
    const clone = stored.clone()
    expect(clone).toBeInstanceOf(Response)
    expect([clone.status, clone.statusText, [...clone.headers]]).toEqual([
      203,
      "Fine",
      [...stored.headers],
    ])
    expect(await clone.text()).toBe("body")
    expect(stored.bodyUsed).toBe(false)
    expect(await stored.text()).toBe("body")
  })

  test.each<[string, (response: Response) => unknown]>([
    ["nothing", () => {}],
    ["its headers were read", (response) => response.headers.get("x-a")],
    ["its body was asked for", (response) => response.body],
    ["it was cloned once", (response) => response.clone()],
  ])("made after %s has headers of its own", async (_, before) => {
    const { stored } = await responsePair("body", { headers: { "x-a": "1" } })
    before(stored)
    const clone = stored.clone()
    clone.headers.set("x-a", "clone")
    expect(stored.headers.get("x-a")).toBe("1")
    stored.headers.set("x-a", "original")
    expect(clone.headers.get("x-a")).toBe("clone")
  })

  test.each<[string, (response: Response) => unknown]>([
    ["nothing", () => {}],
    ["its body was asked for", (response) => response.body],
  ])("made after %s has the headers as they are by then", async (_, before) => {
    const { stored } = await responsePair("body", { headers: { "x-a": "1" } })
    before(stored)
    stored.headers.set("x-a", "2")
    stored.headers.delete("content-type")
    const { headers } = stored.clone()
    expect([headers.get("x-a"), headers.get("content-type")]).toEqual(["2", null])
  })

  test("of a response without a body has no body", async () => {
    const { stored } = await responsePair(null, { status: 204 })
    expect(stored.clone().body).toBeNull()
  })

  test.each([100, 100_000])("of %i bytes shares no memory with its original", async (length) => {
    const { module, stored } = await responsePair(new Uint8Array(length).fill(7))
    const clone = stored.clone()
    new Uint8Array(await stored.arrayBuffer()).fill(1)
    new Uint8Array(await clone.arrayBuffer()).fill(2)
    const third = new Uint8Array(await (await secondStored(module)).arrayBuffer())
    expect(third.every((byte) => byte === 7)).toBe(true)
  })

  test.each([100, 100_000])(
    "of %i bytes is as before when its original's bytes were changed",
    async (length) => {
      const { stored } = await responsePair(new Uint8Array(length).fill(7))
      const clone = stored.clone()
      new Uint8Array(await stored.arrayBuffer()).fill(1)
      expect(new Uint8Array(await clone.arrayBuffer()).every((byte) => byte === 7)).toBe(true)
    },
  )

  test("made of a body that is being read throws a TypeError", async () => {
    const { stored } = await responsePair("body")
    stored.body?.getReader()
    expect(await outcome((response) => response.clone(), stored)).toBe("throws TypeError")
  })
})

describe("handing a response on", () => {
  test("new Response(r.body, r) has status, headers and body of it", async () => {
    const { stored } = await responsePair("body", {
      status: 203,
      statusText: "Fine",
      headers: { "x-a": "1" },
    })
    const expected = [...stored.headers]
    const copy = new Response(stored.body, stored)
    expect([copy.status, copy.statusText, [...copy.headers]]).toEqual([203, "Fine", expected])
    expect(await copy.text()).toBe("body")
    expect(stored.bodyUsed).toBe(true)
  })

  test("new Response(null, r) has its changed headers", async () => {
    const { stored } = await responsePair(null, { status: 204 })
    stored.headers.set("x-a", "1")
    expect(new Response(null, stored).headers.get("x-a")).toBe("1")
  })

  test("it can be put again, also into another cache, without its Age and status of the first", async () => {
    const { stored } = await responsePair("body", { headers: { "x-a": "1" } })
    const other = freshCache({ namespace: "other" })
    await other.put(url("/again"), stored)
    const again = await mustMatch(other, url("/again"))
    expect(stored.bodyUsed).toBe(true)
    expect(await again.text()).toBe("body")
    expect(again.headers.get("x-a")).toBe("1")
    expect(again.headers.get("age")).toBe("0")
  })

  test("a server that reads its body as a stream and its headers as a list gets both", async () => {
    const { stored } = await responsePair("body", { headers: { "x-a": "1" } })
    const chunks: Uint8Array[] = []
    for await (const chunk of stored.body as unknown as AsyncIterable<Uint8Array>)
      chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe("body")
    expect(Object.fromEntries(stored.headers)).toMatchObject({ "x-a": "1" })
  })
})

test("two matches at once give two responses that can both be read", async () => {
  const { module } = await responsePair("body")
  const [a, b] = await Promise.all([secondStored(module), secondStored(module)])
  expect(a).not.toBe(b)
  expect(await Promise.all([a.text(), b.text()])).toEqual(["body", "body"])
})

test("a response keeps its parts while others are matched, put and purged", async () => {
  const { module, stored } = await responsePair("first", { headers: { "x-a": "first" } })
  await module.put(get("/pair"), new Response("second", { headers: { "x-a": "second" } }))
  await secondStored(module)
  await module.purge({ everything: true })
  expect(stored.headers.get("x-a")).toBe("first")
  expect(await stored.text()).toBe("first")
})

test("formData of a urlencoded and of a multipart body gives the fields that were put", async () => {
  const multipart = new FormData()
  multipart.append("a", "1")
  multipart.append("a", "\u00e9")
  multipart.append("file", new File(["content"], "name.txt", { type: "text/plain" }))
  const use = async (response: Response) => {
    const fields = [...(await response.formData())]
    return Promise.all(
      fields.map(async ([name, value]) => [
        name,
        typeof value === "string" ? value : await value.text(),
      ]),
    )
  }
  await expectAlike(await responsePair(new URLSearchParams({ a: "1 2", b: "\u00e9" })), use)
  const both = await responsePair(multipart)
  await expectAlike(both, use)
  expect(await use(await secondStored(both.module))).toEqual([
    ["a", "1"],
    ["a", "\u00e9"],
    ["file", "content"],
  ])
})
