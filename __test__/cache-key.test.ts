import { freshCache, get, url } from "./helpers/cache"

/** The URL part of a key, as the platform writes it. */
function canonical(text: string): string {
  const parsed = new URL(text)
  parsed.hash = ""
  parsed.searchParams.sort()
  return parsed.href
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
])("the URL in the key of %j is the platform's, without fragment and with its query sorted", (text) => {
  expect(shop.key(text)).toBe(keyOf(text))
  expect(shop.key(new URL(text))).toBe(keyOf(text))
})

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

  test("are left out where the request has none, and kept empty where it is empty", () => {
    expect(shop.key(get("/", { "x-a": "" }), { vary })).toBe(`${url("/")}#shop;GET;x-a=`)
    expect(shop.key(url("/"), { vary })).toBe(`${url("/")}#shop;GET`)
  })

  test("are percent-encoded, so that no value imitates a separator", () => {
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

test("no request can have another's key", async () => {
  const victim = freshCache({ vary: ["x-a"] })
  await victim.put(get("/a", { "x-a": "1" }), new Response("victim"))
  const key = victim.key(get("/a", { "x-a": "1" }))
  expect(victim.key(key)).not.toBe(key)
  expect(await victim.match(key)).toBeUndefined()
  expect(await victim.delete(key)).toBe(false)
  expect(await victim.purge({ request: key })).toEqual({ purged: 0 })
})

test("key counts nothing and stores nothing", async () => {
  const untouched = freshCache()
  untouched.key(url("/a"))
  expect(Object.values(await untouched.stats())).toEqual([0, 0, 0, 0, 0])
  expect((await untouched.inspect()).entries).toBe(0)
})
