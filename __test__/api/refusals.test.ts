import { type CacheModule, cache } from "@layeron/modules"
import * as bad from "../helpers/bad-input"
import { errorOf, forbidden, freshCache, get, url } from "../helpers/cache"
import { expectRefused, nested, POLICY, rows } from "../helpers/refusals"

const OF_A_RULE = {
  ...POLICY,
  name: [...bad.TEXT, ["129 characters", "a".repeat(129)]] as bad.InvalidValues,
  path: bad.PATTERN,
  methods: [...bad.LIST, ["no method", []]] as bad.InvalidValues,
  "methods[0]": bad.METHOD,
  bypass: bad.OBJECT,
  "bypass.headers": bad.LIST,
  "bypass.headers[0]": bad.HEADER_NAME,
  "bypass.cookies": bad.LIST,
  "bypass.cookies[0]": bad.TEXT,
  "bypass.query": bad.LIST,
  "bypass.query[0]": bad.TEXT,
}

const OF_A_DECLARATION = {
  ...POLICY,
  name: [...bad.IDENTIFIER, ["undefined", undefined]] as bad.InvalidValues,
  namespace: [...bad.IDENTIFIER, ["the reserved layeron", "layeron"]] as bad.InvalidValues,
  rules: bad.LIST,
  "rules[0]": [...bad.OBJECT, ["undefined", undefined]] as bad.InvalidValues,
  ...Object.fromEntries(
    Object.entries(OF_A_RULE).map(([path, values]) => [`rules[0].${path}`, values]),
  ),
  observability: bad.OBJECT,
  "observability.sampling": bad.OBJECT,
  "observability.sampling.success": bad.SHARE,
  "observability.sampling.error": bad.SHARE,
  "observability.redaction": bad.OBJECT,
  "observability.redaction.fields": bad.LIST,
  "observability.redaction.fields[0]": bad.TEXT,
  storage: bad.OBJECT,
  "storage.memory": bad.OBJECT,
  "storage.memory.maxBytes": bad.MAX_BYTES,
  "storage.memory.maxEntryBytes": bad.MAX_ENTRY_BYTES,
}

describe("a declaration is refused", () => {
  test.each(rows(OF_A_DECLARATION))("for a %s of %s", async (path, _, value) => {
    const options = { name: "refused", ...nested(path, value) }
    await expectRefused(
      () => freshCache(forbidden(options)),
      `cache().${path}`,
      "LAYERON_INVALID_OPTION",
    )
  })

  test.each<bad.InvalidValues[number]>([...bad.OBJECT, ["undefined", undefined]])(
    "for options of %s",
    async (_, value) => {
      await expectRefused(() => cache(forbidden(value)), "cache()", "LAYERON_INVALID_OPTION")
    },
  )

  test("for a maxEntryBytes over its maxBytes", async () => {
    const storage = { memory: { maxBytes: 1000, maxEntryBytes: 1001 } }
    const path = "cache().storage.memory.maxEntryBytes"
    await expectRefused(() => freshCache({ storage }), path, "LAYERON_INVALID_OPTION")
  })

  test("by the number of the rule and of the list member that is wrong", async () => {
    const rules = [{ tags: ["a"] }, { tags: ["a", "b,c"] }]
    await expectRefused(
      () => freshCache({ rules }),
      "cache().rules[1].tags[1]",
      "LAYERON_INVALID_OPTION",
    )
  })

  test("and leaves no instance behind with its storage", async () => {
    const name = `refused-${process.pid}`
    await errorOf(() =>
      freshCache({ name, storage: { memory: { maxBytes: 5000 } }, ttlSeconds: -1 }),
    )
    expect(
      (await freshCache({ name, storage: { memory: { maxBytes: 6000 } } }).inspect()).maxBytes,
    ).toBe(6000)
  })
})

describe("an option at the limit of its range is accepted", () => {
  test.each([
    ["ttlSeconds", 0],
    ["ttlSeconds", 2_147_483_647],
    ["staleWhileRevalidateSeconds", 2_147_483_647],
    ["tags", ["a".repeat(1024), "\u{1f600}".repeat(1024), " ", "é"]],
    ["tags", []],
    ["vary", []],
    ["vary", ["X-_!#$%&'+.^`|~9"]],
    ["name", "a".repeat(128)],
    ["name", "A.b_c-0"],
    ["namespace", "Layeron"],
    ["rules", []],
    ["rules", [{}]],
    ["observability", { sampling: { success: 0, error: 1 }, redaction: { fields: [] } }],
    ["storage", {}],
    ["storage", { memory: { maxBytes: 2 ** 53 - 1, maxEntryBytes: 2_147_483_647 } }],
  ])("%s of %j", (option, value) => {
    expect(freshCache({ [option]: value }).kind).toBe("cache")
  })
})

describe("an unknown option", () => {
  afterEach(() => jest.restoreAllMocks())

  test.each<readonly [path: string, use: (module: CacheModule) => unknown]>([
    ["cache().ttl", () => freshCache(forbidden({ ttl: 1 }))],
    ["cache().rules[0].ttl", () => freshCache(forbidden({ rules: [{ ttl: 1 }] }))],
    [
      "cache().rules[0].bypass.header",
      () => freshCache(forbidden({ rules: [{ bypass: { header: ["a"] } }] })),
    ],
    ["cache().observability.trace", () => freshCache(forbidden({ observability: { trace: 1 } }))],
    [
      "cache().observability.sampling.info",
      () => freshCache(forbidden({ observability: { sampling: { info: 1 } } })),
    ],
    [
      "cache().observability.redaction.all",
      () => freshCache(forbidden({ observability: { redaction: { all: 1 } } })),
    ],
    ["cache().storage.tape", () => freshCache(forbidden({ storage: { tape: {} } }))],
    [
      "cache().storage.memory.max",
      () => freshCache(forbidden({ storage: { memory: { max: 1 } } })),
    ],
    ["key() options.ttl", (module) => module.key(url("/"), forbidden({ ttl: 1 }))],
    ["match() options.tags", (module) => module.match(url("/"), forbidden({ tags: ["a"] }))],
    ["delete() options.ttl", (module) => module.delete(url("/"), forbidden({ ttl: 1 }))],
    [
      "put() options.ttl",
      (module) => module.put(url("/"), new Response("a"), forbidden({ ttl: 1 })),
    ],
  ])("%s is warned of once", async (path, use) => {
    const emitted = jest.spyOn(process, "emitWarning").mockImplementation(() => {})
    await use(freshCache())
    await use(freshCache())
    const warnings = emitted.mock.calls.map(([warning]) => String(warning))
    expect(warnings).toEqual([expect.stringContaining(`${path} `)])
  })

  test("has no effect, under any name", async () => {
    jest.spyOn(process, "emitWarning").mockImplementation(() => {})
    const named = JSON.parse(
      '{ "__proto__": { "ttlSeconds": 0 }, "constructor": 1, "TTLSeconds": 0 }',
    )
    const module = freshCache({ ...named, rules: [{ ...named, path: "/*" }] })
    await module.put(
      get("/a"),
      new Response("a"),
      JSON.parse('{ "__proto__": { "ttlSeconds": 0 } }'),
    )
    expect((await module.match(get("/a")))?.headers.get("cache-control")).toBe("public, max-age=60")
  })
})
