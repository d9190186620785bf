import {
  type Body,
  bytes,
  expectAlike,
  outcome,
  responsePair,
  secondStored,
  type Use,
} from "../helpers/response-pair"

const READERS: Readonly<Record<string, Use>> = {
  text: (response) => response.text(),
  json: (response) => response.json(),
  arrayBuffer: async (response) => Buffer.from(await response.arrayBuffer()).toString("hex"),
  blob: async (response) => {
    const blob = await response.blob()
    return [blob.type, blob.size, await blob.text()]
  },
  formData: async (response) => [...(await response.formData())],
  stream: async (response) => {
    const reader = response.body?.getReader()
    const chunks: Uint8Array[] = []
    for (let read = await reader?.read(); read?.done === false; read = await reader?.read())
      chunks.push(read.value)
    return Buffer.concat(chunks).toString("hex")
  },
}
const NAMES = Object.keys(READERS)

const BODIES: readonly (readonly [string, Body])[] = [
  ["none", null],
  ["an empty string", ""],
  ["a string", "a \u00e9 \u{1f600}"],
  ["JSON", '{"a":[1,"\u00e9",null]}'],
  ["half of JSON", '{"a":'],
  ["bytes of every value", new Uint8Array(256).map((_, at) => at)],
  ["a byte order mark and text", "\ufeffa"],
  ["a byte order mark and JSON", "\ufeff[1]"],
  ["a byte order mark in the middle", "a\ufeffb"],
  ["half of a byte order mark", new Uint8Array([0xef, 0xbb])],
  ["a byte order mark of UTF-16", new Uint8Array([0xff, 0xfe, 0x61, 0])],
  ["a sequence cut off at its end", new Uint8Array([0x61, 0xf0, 0x9f, 0x98])],
  ["sequences cut off in the middle", new Uint8Array([0xf0, 0x9f, 0x61, 0xe2, 0x82, 0x62, 0xc3])],
  [
    "overlong, surrogate and too high sequences",
    new Uint8Array([0xc0, 0xaf, 0xed, 0xa0, 0x80, 0xf4, 0x90, 0x80, 0x80]),
  ],
]

describe.each(BODIES)("a body of %s", (_, body) => {
  test.each(NAMES)("is read by %s as the platform reads it", async (name) => {
    await expectAlike(await responsePair(body), READERS[name]!)
  })

  test.each(NAMES)("is used by %s as on the platform, during and after", async (name) => {
    const use: Use = async (response) => {
      const reading = outcome(READERS[name]!, response)
      const during = response.bodyUsed
      await reading
      return [during, response.bodyUsed, response.body === null]
    }
    await expectAlike(await responsePair(body), use)
  })
})

test("text of two byte order marks loses the first and keeps the second, as the Encoding standard says", async () => {
  const { stored } = await responsePair("\ufeff\ufeffa")
  expect(await stored.text()).toBe("\ufeffa")
})

test("text() decodes invalid UTF-8 as the platform does", async () => {
  const module = (await responsePair("a")).module
  let randomBytes = bytes(40_000)
  for (let round = 0; round < 20; round++) {
    randomBytes = randomBytes.map(
      (byte, at) => [0x61, 0xc3, 0xe2, 0xf0, 0x9f, 0x80, 0xbf, 0xff][(byte + at + round) % 8] ?? 0,
    )
    const at = `https://api.example.com/noise/${round}`
    await module.put(at, new Response(randomBytes))
    expect(await (await module.match(at))?.text()).toBe(await new Response(randomBytes).text())
  }
})

describe("a second read", () => {
  const pairs = NAMES.filter((name) => name !== "json" && name !== "formData").flatMap((first) =>
    NAMES.map((second) => [second, first] as const),
  )

  test.each(pairs)("by %s after %s rejects with a TypeError", async (second, first) => {
    const { stored } = await responsePair("body")
    await READERS[first]!(stored)
    expect(stored.bodyUsed).toBe(true)
    expect(await outcome(READERS[second]!, stored)).toBe("throws TypeError")
  })

  test.each(NAMES)("begun by %s while the first goes on rejects with a TypeError", async (name) => {
    const { stored } = await responsePair("body")
    const first = stored.text()
    expect(await outcome(READERS[name]!, stored)).toBe("throws TypeError")
    expect(await first).toBe("body")
  })

  test("after json that failed on bad JSON rejects with a TypeError", async () => {
    const { stored } = await responsePair("{")
    expect(await outcome(READERS.json!, stored)).toBe("throws SyntaxError")
    expect(await outcome(READERS.text!, stored)).toBe("throws TypeError")
  })

  test("of no body succeeds, as on the platform", async () => {
    await expectAlike(await responsePair(null), async (response) => [
      await response.text(),
      await response.text(),
      (await response.arrayBuffer()).byteLength,
      response.bodyUsed,
      response.clone().body,
    ])
  })

  test.each([10, 100_000])("of %i bytes by clone throws a TypeError", async (length) => {
    const { stored } = await responsePair("b".repeat(length))
    await stored.arrayBuffer()
    expect(() => stored.clone()).toThrow(TypeError)
  })

  test.each([10, 100_000])(
    "of %i bytes rejects, even if the caller has transferred the first result",
    async (length) => {
      const { stored } = await responsePair("b".repeat(length))
      const buffer = await stored.arrayBuffer()
      structuredClone(buffer, { transfer: [buffer] })
      expect(stored.bodyUsed).toBe(true)
      expect(await outcome((response) => response.blob(), stored)).toBe("throws TypeError")
      expect(stored.body).toBeInstanceOf(ReadableStream)
    },
  )
})

describe("the body as a stream", () => {
  test("is the same object on each access", async () => {
    const { stored } = await responsePair("body")
    expect(stored.body).toBe(stored.body)
  })

  test("locks the response until its reader releases the lock", async () => {
    const { stored } = await responsePair("body")
    const reader = stored.body!.getReader()
    expect(await outcome((response) => response.text(), stored)).toBe("throws TypeError")
    expect(stored.bodyUsed).toBe(false)
    reader.releaseLock()
    expect(await stored.text()).toBe("body")
  })

  test("makes the body used when it is cancelled", async () => {
    const { stored } = await responsePair("body")
    await stored.body?.cancel()
    expect(stored.bodyUsed).toBe(true)
  })

  test("leaves the body unused when it is only accessed, and text() still returns all of it", async () => {
    const { stored } = await responsePair("body")
    expect([stored.body?.locked, stored.bodyUsed]).toEqual([false, false])
    expect(await stored.text()).toBe("body")
  })
})

test("bytes() returns the bytes, once", async () => {
  const { stored } = await responsePair(bytes(300))
  const asBytes = stored as Response & { bytes(): Promise<Uint8Array> }
  const read = await asBytes.bytes()
  expect(Object.getPrototypeOf(read)).toBe(Uint8Array.prototype)
  expect(Buffer.from(read).equals(bytes(300))).toBe(true)
  await expect(asBytes.bytes()).rejects.toThrow(TypeError)
})

describe("returned bytes belong to the caller:", () => {
  const takes: readonly (readonly [string, (response: Response) => Promise<Uint8Array>])[] = [
    ["arrayBuffer", async (response) => new Uint8Array(await response.arrayBuffer())],
    ["bytes", (response) => (response as Response & { bytes(): Promise<Uint8Array> }).bytes()],
    ["a stream", async (response) => (await response.body!.getReader().read()).value!],
    ["blob", async (response) => new Uint8Array(await (await response.blob()).arrayBuffer())],
  ]
  const cases = takes.flatMap(([name, take]) =>
    [100, 32_000, 100_000].map((length) => [name, length, take] as const),
  )

  test.each(cases)(
    "those of %s of %i bytes can be changed without changing the entry",
    async (name, length, take) => {
      const { module, stored } = await responsePair(bytes(length))
      const waiting = await secondStored(module)
      const taken = await take(stored)
      // A stream yields a large body in pieces.
      expect(taken.byteLength).toBe(name === "a stream" ? Math.min(length, 65_536) : length)
      taken.fill(0)
      expect(Buffer.from(await waiting.arrayBuffer()).equals(bytes(length))).toBe(true)
      expect(
        Buffer.from(await (await secondStored(module)).arrayBuffer()).equals(bytes(length)),
      ).toBe(true)
    },
  )

  test("an arrayBuffer contains exactly the body", async () => {
    const { stored } = await responsePair("body")
    expect((await stored.arrayBuffer()).byteLength).toBe(4)
  })
})

describe("a body is returned byte for byte", () => {
  test.each([0, 1, 2 ** 16, 2 ** 20, 5 * 2 ** 20])("of %i bytes", async (length) => {
    const { stored } = await responsePair(bytes(length))
    expect(Buffer.compare(new Uint8Array(await stored.arrayBuffer()), bytes(length))).toBe(0)
  })

  test("of every size around 32 KB", async () => {
    const whole = bytes(33_000)
    const { module } = await responsePair("a")
    for (let length = 32_400; length <= 32_800; length++) {
      await module.put("https://api.example.com/32", new Response(whole.subarray(0, length)))
      const read = await (await module.match("https://api.example.com/32"))?.arrayBuffer()
      expect(Buffer.compare(new Uint8Array(read!), whole.subarray(0, length))).toBe(0)
    }
  })
})
