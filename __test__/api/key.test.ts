import { isUtf8 as isUtf8Bytes } from "node:buffer"
import { createHash } from "node:crypto"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { bodyOf, freshCache, get, url } from "../helpers/cache"
import { Random } from "../helpers/random"

/**
 * Returns the URL part of a key: the platform's form, except that query parameters that are not
 * UTF-8 keep their text.
 */
function canonical(text: string): string {
  const parsed = new URL(text)
  parsed.hash = ""
  const raw = parsed.search.slice(1).split("&")
  if (raw.every(isUtf8)) {
    parsed.searchParams.sort()
    return parsed.href
  }
  const pairs = raw.filter((pair) => pair !== "").map(parameter)
  pairs.sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
  parsed.search = ""
  return `${parsed.href}?${pairs.map(([, pair]) => pair).join("&")}`
}

function isUtf8(pair: string): boolean {
  const bytes = Buffer.from(
    pair.replace(/%([0-9a-f]{2})/gi, (_, digits) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    ),
    "latin1",
  )
  return isUtf8Bytes(bytes)
}

/** Returns the name and text of a query parameter in a key. */
function parameter(pair: string): [name: string, text: string] {
  if (!isUtf8(pair)) return [pair.split("=", 1)[0] ?? "", pair]
  const parsed = new URLSearchParams(pair)
  return [[...parsed.keys()][0] ?? "", parsed.toString()]
}

const shop = freshCache({ namespace: "shop" })
const keyOf = (text: string) => `${canonical(text)}#shop;GET`

test.each([
  "https://a.example",
  "https://a.example/",
  "HTTPS://A.Example:443/%7Ea/./b/../c",
  "http://a.example:443/",
  "http://a.example:080/",
  "https://a.example/?",
  "https://a.example/?#",
  "https://a.example/#a#b?c",
  "https://a.example/?b=2&a=1&b=1&a",
  "https://a.example/?a=1&&b",
  "https://a.example/?=&=a",
  "https://a.example/?a=%2f%41+%20~*'()!",
  "https://a.example/?%EF%BF%BD=1&%F0%90%80%80=2",
  "https://a.example/?a=\u00e9\u{1f600}",
  "https://a.example/?a=%ff%zz%",
  "https://a.example/ a\\b\u00e9|^`{}\"<>'",
  "https://user:p%40ss@a.example/",
  "https://b\u00fccher.example/",
  "http://[2001:DB8::1]:8080/",
  "http://0x7f.1/",
  "http://127.0.0.1:3000/a;b=c,d@e",
  "  https://a.example/a\t\nb  ",
  "https:a.example",
  "https://a.example//a//?/?",
  "https://a.example/%2e%2E/%2e/a",
])(
  "the URL in the key of %j is the platform's, without fragment and with its query sorted",
  (text) => {
    expect(shop.key(text)).toBe(keyOf(text))
    expect(shop.key(new URL(text))).toBe(keyOf(text))
  },
)

test("the URL in the key of ten thousand arbitrary URLs is the platform's", () => {
  const pieces = [
    "a",
    "b",
    "=",
    "&",
    "?",
    "/",
    "#",
    ".",
    "..",
    "%2e",
    "%",
    "+",
    " ",
    "~",
    "'",
    "\u00e9",
    ":",
    "@",
    ";",
    "*",
    "^",
    "|",
    "%C3%A9",
    "%26",
    "\\",
  ]
  let seed = 7
  const next = (most: number) => {
    seed = (seed * 48_271) % 0x7fffffff
    return seed % most
  }
  for (let n = 0; n < 10_000; n++) {
    const text = `http${next(2) ? "s" : ""}://a.example/${Array.from({ length: next(14) }, () => pieces[next(pieces.length)]).join("")}`
    expect([text, shop.key(text)]).toEqual([text, keyOf(text)])
  }
})

test("the URL in the key of ten thousand arbitrary queries is the platform's where they are UTF-8", () => {
  const random = new Random(15)
  const pieces = [
    "a",
    "b",
    "q",
    "=",
    "=",
    "&",
    "&",
    "+",
    "~",
    "%41",
    "%7e",
    "%E9",
    "%e9",
    "%C3%A9",
    "%c3",
    "%A9",
  ]
  pieces.push(
    "%EF%BB%BF",
    "%EF%BF%BD",
    "%F0%9F%91%8D",
    "%ED%A0%80",
    "%",
    "%zz",
    "%26",
    "%3D",
    "%2B",
    "%20",
    "\u00e9",
  )
  let valid = 0
  for (let n = 0; n < 10_000; n++) {
    const query = Array.from(
      { length: random.below(9) },
      () => pieces[random.below(pieces.length)],
    ).join("")
    const text = `https://a.example/?${query}`
    expect([text, shop.key(text)]).toEqual([text, keyOf(text)])
    valid += Number(new URL(text).search.slice(1).split("&").every(isUtf8))
  }
  expect(valid).toBeGreaterThan(2_000)
})

describe("queries that are not UTF-8", () => {
  const QUERIES = [
    "q=%E9",
    "q=%E8",
    "q=%EF%BF%BD",
    "%E9=q",
    "%E8=q",
    "q=%C3",
    "q=a%FFb&p=1",
    "q=a%FEb&p=1",
  ]

  test("each have an entry, which is purged, deleted and explained separately", async () => {
    const module = freshCache()
    const urls = QUERIES.map((query) => url(`/?${query}`))
    for (const at of urls) await module.put(at, new Response(at))
    expect((await module.inspect()).entries).toBe(urls.length)
    for (const at of urls) {
      expect(await bodyOf(module, at)).toBe(at)
      expect((await module.explain(at)).url).toBe(canonical(at))
    }
    expect(await module.purge({ request: url("/?q=%E9") })).toEqual({ purged: 1 })
    expect(await module.delete(url("/?%E8=q"))).toBe(true)
    expect(await module.purge({ prefix: url("/?q=%E8") })).toEqual({ purged: 1 })
    const left = []
    for (const at of urls) if ((await module.match(at)) !== undefined) left.push(at)
    expect(left).toEqual(urls.filter((_, n) => ![0, 1, 4].includes(n)))
  })

  test("are sorted among the others by their escapes", () => {
    expect(shop.key(url("/?z=%C3%A9&a=%e9&%61=1&%E9&b=~"))).toBe(
      `${url("/?%E9&a=%e9&a=1&b=%7E&z=%C3%A9")}#shop;GET`,
    )
  })

  test("are bypassed by the parameter name that a handler reads", async () => {
    const module = freshCache({ rules: [{ bypass: { query: ["draft", "caf\u00e9"] } }] })
    const outcomes = []
    for (const query of ["draft=%FF", "dr%61ft=%E9", "caf%C3%A9=%FF", "draft%FF=1", "caf%E9=1"])
      outcomes.push((await module.explain(url(`/?${query}`))).outcome)
    expect(outcomes).toEqual(["bypass", "bypass", "bypass", "miss", "miss"])
  })
})

test("the key of a string, a URL and a GET request is the same", () => {
  const text = url("/a?b=1&a=2#c")
  const keys = [shop.key(text), shop.key(new URL(text)), shop.key(new Request(text))]
  expect(new Set(keys)).toEqual(new Set([`${url("/a?a=2&b=1")}#shop;GET`]))
})

test.each([
  ["HEAD", "HEAD"],
  ["post", "POST"],
  ["patch", "PATCH"],
  ["x.y", "X.Y"],
  ["m|n", "M%7CN"],
])("a request of method %s has %s in its key", (method, written) => {
  expect(shop.key(new Request(url("/"), { method }))).toBe(`${url("/")}#shop;${written}`)
})

describe("header fields in the key", () => {
  const vary = ["X-B", "accept", "x-a", "X-A"]

  test("come in the order of their lower-case names, each once", () => {
    const request = get("/", { "x-a": "1", "X-B": "2", accept: "3" })
    expect(shop.key(request, { vary })).toBe(`${url("/")}#shop;GET;accept=3;x-a=1;x-b=2`)
  })

  test("are left out if the request has none, and are empty if its field is empty", () => {
    expect(shop.key(get("/", { "x-a": "" }), { vary })).toBe(`${url("/")}#shop;GET;x-a=`)
    expect(shop.key(url("/"), { vary })).toBe(`${url("/")}#shop;GET`)
  })

  test("are percent-encoded, so that no value can contain a separator", () => {
    const value = 'a;x-b=2,#&%;"\u00e9'
    const key = shop.key(get("/", { "x-a": value }), { vary })
    expect(key).toBe(`${url("/")}#shop;GET;x-a=${encodeURIComponent(value)}`)
    expect(key).not.toBe(shop.key(get("/", { "x-a": "a", "x-b": "2" }), { vary }))
  })

  test("are joined and trimmed where lines are repeated", () => {
    const headers = new Headers()
    for (const value of [" 1", "2\t"]) headers.append("x-a", value)
    const key = shop.key(new Request(url("/"), { headers }), { vary })
    expect(key).toBe(`${url("/")}#shop;GET;x-a=${encodeURIComponent("1, 2")}`)
  })

  test.each(["authorization", "proxy-authorization", "cookie"])(
    "show a value of %s only as its SHA-256, in keys, explanations and events",
    async (name) => {
      const secret = `secret-${name}=\u00e9`
      // The addon receives the value of `Headers`, which has one character per byte.
      const hash = `~${createHash("sha256").update(secret).digest("base64url")}`
      const module = freshCache({ vary: [name, "x-a"] })
      const request = get("/", { [name]: secret, "x-a": hash })
      const key = `${url("/")}#default;GET;${[`${name}=${hash}`, `x-a=${hash}`].sort().join(";")}`
      const described: unknown[] = []
      const record = (message: unknown) => described.push(message)
      subscribe("layeron:cache:put", record)
      await module.put(request, new Response("a", { headers: { vary: name } }))
      unsubscribe("layeron:cache:put", record)
      expect(module.key(request)).toBe(key)
      expect(described).toMatchObject([{ key }])
      expect((await module.explain(request)).vary).toEqual({ [name]: hash, "x-a": hash })
      expect(JSON.stringify([described, await module.explain(request)])).not.toContain(secret)
      expect(await bodyOf(module, request)).toBe("a")
      expect(await module.match(get("/", { [name]: hash, "x-a": hash }))).toBeUndefined()
    },
  )

  test("of the instance are replaced by those of the call", () => {
    const varied = freshCache({ vary: ["x-a"] })
    const request = get("/", { "x-a": "1", "x-b": "2" })
    expect(varied.key(request)).toBe(`${url("/")}#default;GET;x-a=1`)
    expect(varied.key(request, { vary: ["x-b"] })).toBe(`${url("/")}#default;GET;x-b=2`)
    expect(varied.key(request, { vary: [] })).toBe(`${url("/")}#default;GET`)
    expect(varied.key(request, {})).toBe(varied.key(request))
    expect(varied.key(request, { vary: undefined })).toBe(varied.key(request))
  })
})

test("different requests have different keys", async () => {
  const module = freshCache({ vary: ["x-a"] })
  await module.put(get("/a", { "x-a": "1" }), new Response("other"))
  const key = module.key(get("/a", { "x-a": "1" }))
  expect(module.key(key)).not.toBe(key)
  expect(await module.match(key)).toBeUndefined()
  expect(await module.delete(key)).toBe(false)
  expect(await module.purge({ request: key })).toEqual({ purged: 0 })
})

test("key counts nothing and stores nothing", async () => {
  const untouched = freshCache()
  untouched.key(url("/a"))
  expect(Object.values(await untouched.stats())).toEqual([0, 0, 0, 0, 0])
  expect((await untouched.inspect()).entries).toBe(0)
})
