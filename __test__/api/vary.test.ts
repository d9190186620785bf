import { spawnSync } from "node:child_process"
import { join } from "node:path"
import type { CacheModule } from "@layeron/modules"
import { bodyOf, freshCache, get, mustMatch, sameIdentity, url } from "../helpers/cache"

/** Puts a body under the given request headers, with the response's own `Vary`. */
async function put(module: CacheModule, body: string, vary: string, headers = {}): Promise<void> {
  await module.put(get("/a", headers), new Response(body, { headers: { vary } }))
}

const bodyFor = (module: CacheModule, headers = {}) => bodyOf(module, get("/a", headers))

describe("the response's own Vary", () => {
  test("keeps an entry from requests with another value", async () => {
    const module = freshCache()
    await put(module, "de", "Accept-Language", { "accept-language": "de" })
    expect(await bodyFor(module, { "accept-language": "de" })).toBe("de")
    expect(await bodyFor(module, { "accept-language": "de-AT" })).toBeUndefined()
    expect(await bodyFor(module, { "accept-language": "DE" })).toBeUndefined()
    expect(await bodyFor(module)).toBeUndefined()
    expect(await bodyOf(module, url("/a"))).toBeUndefined()
  })

  test("separates values of a header that only another declaration has in its key", async () => {
    const configured = freshCache({ vary: ["accept-language"] })
    await put(configured, "for no language", "Accept-Language")
    const plain = sameIdentity(configured)
    expect(plain.key(get("/a"))).toBe(configured.key(get("/a")))
    expect(await bodyFor(plain, { "accept-language": "fr" })).toBeUndefined()
    expect(await bodyFor(plain)).toBe("for no language")
    expect(await bodyFor(configured)).toBe("for no language")
  })

  test.each([
    ["names many fields", 400, 1],
    ["names long fields", 30, 3_000],
  ])("terminates in put and match if, over all variants of a key, it %s", (_, kinds, length) => {
    const script = `
      const { cache } = require("@layeron/modules")
      const module = cache({ name: "kinds" })
      const name = (n) => "x".repeat(${length}) + n
      async function main() {
        for (let n = 0; n < ${kinds}; n++) {
          const request = new Request("https://a.example/", { headers: { [name(n)]: "1" } })
          await module.put(request, new Response(String(n), { headers: { vary: name(n) } }))
        }
        const last = new Request("https://a.example/", { headers: { [name(${kinds} - 1)]: "1" } })
        const none = await module.match("https://a.example/")
        console.log(await (await module.match(last)).text(), none === undefined)
      }
      main()`
    const { stdout } = spawnSync(process.execPath, ["-e", script], {
      cwd: join(__dirname, "../.."),
      encoding: "utf8",
      timeout: 10_000,
    })
    expect(stdout).toBe(`${kinds - 1} true\n`)
  })

  test("is no part of key()", () => {
    const module = freshCache()
    const keys = ["de", "\u00e9"].map((language) =>
      module.key(get("/a", { "accept-language": language })),
    )
    expect(new Set(keys)).toEqual(new Set([`${url("/a")}#default;GET`]))
  })

  test("replaces the variant of the same values, and no other", async () => {
    const module = freshCache()
    for (const [body, a] of [
      ["old", "1"],
      ["other", "2"],
      ["new", "1"],
    ] as const) {
      await put(module, body, "x-a", { "x-a": a })
    }
    expect([await bodyFor(module, { "x-a": "1" }), await bodyFor(module, { "x-a": "2" })]).toEqual([
      "new",
      "other",
    ])
    expect((await module.inspect()).entries).toBe(2)
  })

  test("applies in addition to the configured one", async () => {
    const module = freshCache({ vary: ["x-key"] })
    for (const [key, own] of [
      ["1", "1"],
      ["1", "2"],
      ["2", "1"],
    ]) {
      await put(module, `${key}${own}`, "x-own, x-key", { "x-key": key, "x-own": own })
    }
    expect(await bodyFor(module, { "x-key": "1", "x-own": "2" })).toBe("12")
    expect(await bodyFor(module, { "x-key": "2", "x-own": "1" })).toBe("21")
    expect(await bodyFor(module, { "x-key": "2", "x-own": "2" })).toBeUndefined()
    expect(await module.purge({ request: get("/a", { "x-key": "1" }) })).toEqual({ purged: 2 })
  })

  test("is honoured if the call removes the configured vary", async () => {
    const module = freshCache({ vary: ["x-a"] })
    const request = get("/a", { "x-a": "1" })
    await module.put(request, new Response("a", { headers: { vary: "x-a" } }), { vary: [] })
    expect(await (await module.match(request, { vary: [] }))?.text()).toBe("a")
    expect(await module.match(get("/a", { "x-a": "2" }), { vary: [] })).toBeUndefined()
    expect(await module.match(request)).toBeUndefined()
  })

  test("may differ from one response to the next: of those that answer, the latest does", async () => {
    const module = freshCache()
    await put(module, "plain", "")
    await put(module, "by a", "x-a", { "x-a": "1" })
    expect(await bodyFor(module, { "x-a": "2" })).toBe("plain")
    expect(await bodyFor(module, { "x-a": "1" })).toBe("by a")
    await put(module, "by b", "x-b", { "x-a": "1", "x-b": "1" })
    expect(await bodyFor(module, { "x-a": "1", "x-b": "1" })).toBe("by b")
    expect(await bodyFor(module, { "x-a": "1" })).toBe("by a")
    await put(module, "plain again", "")
    expect(await bodyFor(module, { "x-a": "1", "x-b": "1" })).toBe("plain again")
  })

  test("makes delete remove the variant that match would have found", async () => {
    const module = freshCache()
    await put(module, "plain", "")
    await put(module, "by a", "x-a", { "x-a": "1" })
    expect(await module.delete(get("/a", { "x-a": "1" }))).toBe(true)
    expect(await bodyFor(module, { "x-a": "1" })).toBe("plain")
    expect(await module.delete(get("/a", { "x-a": "1" }))).toBe(true)
    expect(await module.inspect()).toMatchObject({ entries: 0, bytes: 0 })
  })

  test("is served with the response", async () => {
    const module = freshCache()
    await put(module, "a", "X-A , x-b")
    expect((await mustMatch(module, get("/a"))).headers.get("vary")).toBe("X-A , x-b")
  })

  test("may name the fields by which match answers in part", async () => {
    const module = freshCache()
    await put(module, "0123", "range", { range: "bytes=0-1" })
    expect(await bodyFor(module)).toBeUndefined()
    expect(await bodyFor(module, { range: "bytes=0-1" })).toBe("01")
  })
})

describe("a declaration that has never seen the Vary", () => {
  test("matches and deletes correctly, by each kind of request", async () => {
    const module = freshCache()
    await put(module, "1", "x-a", { "x-a": "1" })
    await put(module, "absent", "x-a")
    expect(await bodyFor(sameIdentity(module), { "x-a": "1" })).toBe("1")
    expect(await bodyFor(sameIdentity(module), { "x-a": "2" })).toBeUndefined()
    expect(await bodyFor(sameIdentity(module))).toBe("absent")
    expect(await bodyOf(sameIdentity(module), new URL(url("/a")))).toBe("absent")
    expect(await sameIdentity(module).delete(get("/a", { "x-a": "2" }))).toBe(false)
    expect(await sameIdentity(module).delete(get("/a", { "x-a": "1" }))).toBe(true)
    expect(await bodyFor(module, { "x-a": "1" })).toBeUndefined()
    expect((await module.stats()).misses).toBe(2)
  })

  test("matches correctly while it learns more names than it retains", async () => {
    const module = freshCache()
    const other = sameIdentity(module)
    for (let n = 0; n < 200; n++) {
      const request = get(`/${n}`, { [`x-${n}`]: "1" })
      await module.put(request, new Response(String(n), { headers: { vary: `x-${n}, x-common` } }))
      expect(await bodyOf(other, request)).toBe(String(n))
      expect(await bodyOf(other, get(`/${n}`, { [`x-${n}`]: "2" }))).toBeUndefined()
    }
    expect(await bodyOf(other, get("/0", { "x-0": "1" }))).toBe("0")
  })

  test("matches correctly if one response names more fields than it retains", async () => {
    const module = freshCache()
    const names = Array.from({ length: 100 }, (_, n) => `x-${n}`)
    const headers = Object.fromEntries(names.map((name) => [name, name]))
    await put(module, "all", names.join(), headers)
    expect(await bodyFor(sameIdentity(module), headers)).toBe("all")
    expect(await bodyFor(sameIdentity(module), { ...headers, "x-99": "other" })).toBeUndefined()
  })
})

describe("a Vary of odd names", () => {
  test.each([
    ["a space", "accept language"],
    ["a letter outside ASCII", "\u00e9"],
    ["quotes", '"x-a, x-b"'],
  ])("with %s never makes a later match of another URL fail", async (_, vary) => {
    const module = freshCache()
    await module.put(url("/odd"), new Response("odd", { headers: { vary } })).catch(() => {})
    await module.match(get("/odd")).catch(() => {})
    await module.put(url("/plain"), new Response("plain"))
    expect(await bodyOf(module, get("/plain"))).toBe("plain")
  })

  test.each([
    ["a space", "accept language"],
    ["a letter outside ASCII", "\u00e9"],
    ["quotes", '"x-a, x-b"'],
  ])("with %s never makes match of the same URL fail", async (_, vary) => {
    const module = freshCache()
    await module.put(url("/odd"), new Response("odd", { headers: { vary } })).catch(() => {})
    const answer = await module.match(get("/odd"))
    expect([undefined, 200]).toContain(answer?.status)
  })

  test("makes put by a Request either store or reject with a code", async () => {
    const response = new Response("odd", { headers: { vary: "accept language" } })
    const outcome = await freshCache()
      .put(get("/odd"), response)
      .catch((error) => error.code)
    expect([undefined, "LAYERON_INVALID_RESPONSE"]).toContain(outcome)
  })

  test("in a hundred sets of fields keeps the 16 of them that were put last", async () => {
    const module = freshCache()
    for (let set = 0; set < 100; set++)
      await put(module, `of ${set}`, `x-${set}`, { [`x-${set}`]: "1" })
    expect(await module.inspect()).toMatchObject({ entries: 16, evictions: 84 })
    expect(await bodyFor(module, { "x-84": "1" })).toBe("of 84")
    expect(await bodyFor(module, { "x-83": "1" })).toBeUndefined()
  })

  // Runs in a child process, because a failing implementation may not return.
  test.each([
    ["a capital letter outside ASCII", "\\u00c0"],
    ["32 KB of names", `" + Array.from({ length: 6000 }, (_, n) => "x-name-" + n).join() + "`],
  ])("with %s terminates in put and match", (_, vary) => {
    const script = `
      const { cache } = require(".")
      const url = ${JSON.stringify(url("/odd"))}
      const response = new Response("odd", { headers: { vary: "${vary}" } })
      const main = async () => {
        await cache({ name: "odd" }).put(url, response).catch(() => {})
        const found = await cache({ name: "odd" }).match(new Request(url))
        console.log("came to an end", found === undefined || (await found.text()))
      }
      main()`
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], {
      cwd: join(__dirname, "../.."),
      timeout: 5_000,
      killSignal: "SIGKILL",
      encoding: "utf8",
    })
    expect(stderr.slice(0, 200)).toBe("")
    expect(stdout).toMatch(/^came to an end (odd|true)\n$/)
  })
})
