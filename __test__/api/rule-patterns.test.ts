import { cache } from "@layeron/modules"
import { Hono } from "hono"
import { RegExpRouter } from "hono/router/reg-exp-router"
import { TrieRouter } from "hono/router/trie-router"
import { errorOf, freshCache } from "../helpers/cache"
import { Random, seeds } from "../helpers/random"

const PATTERNS = [
  "/",
  "*",
  "/*",
  "/a",
  "/a/",
  "/a/*",
  "/a/b",
  "/a*",
  "/a/b*",
  "/:x",
  "/a/:x",
  "/a/:x/",
  "/a/:x/c",
  "/a/:x/*",
  "/a/*/c",
  "/*/b",
  "/:x?",
  "/a/:x?",
  "/:x?/b",
  "/a/:x?/:y?",
  "/a/:x{[0-9]+}",
  "/a/:x{[a-z]{2}}",
  "/a/:x{(b|c)}/d",
  "/a/:x{.+}",
  "/a/:x{.*}",
  "/a/:x{[^/]+}",
  "/:x{.}",
  "/:x{..}",
  "/:x{\\d+}?",
  "/a.b",
  "/a+b",
  "/café",
  "/café/*",
  "/a b",
  "/a%2Fb",
  "/%25",
]

const PATHS = [
  "/",
  "/a",
  "/a/",
  "/a/b",
  "/a/b/",
  "/a/b/c",
  "/a/bb",
  "/a/12",
  "/a/1b",
  "/a/c/d",
  "/a/x%0Ay",
  "/a/%FF",
  "/%61/%FF",
  "/a%FF",
  "/ab",
  "/abc/d",
  "/b",
  "/x/b",
  "/a.b",
  "/axb",
  "/a+b",
  "/aab",
  "/caf%C3%A9",
  "/caf%C3%A9/%FF",
  "/caf%c3%a9%FF",
  "/a%20b",
  "/a%2Fb",
  "/a%2fb",
  "/a/b%2Fc",
  "/A",
  "/1",
  "/%F0%9F%91%8D",
  "/%",
  "/%25",
  "/%2525",
  "/a/%",
  "/a/%4%31",
]

test.each(PATTERNS)(
  "a rule for %s covers the paths that Hono routes to it, and no other",
  async (pattern) => {
    const app = new Hono()
    app.get(pattern, (context) => context.text("routed"))
    const rules = cache({
      name: `pattern-${PATTERNS.indexOf(pattern)}`,
      rules: [{ path: pattern }],
    })

    const routed: string[] = []
    const covered: string[] = []
    for (const path of PATHS) {
      const url = `https://a.example${path}`
      if ((await app.request(url)).status === 200) routed.push(path)
      if ((await rules.explain(url)).rule !== null) covered.push(path)
    }
    expect(covered).toEqual(routed)
  },
)

test.each([
  ["/account/*", "/account/x%0Ay"],
  ["/account/*", "/acc%6Funt/%FF"],
  ["/konto-für/*", "/konto-f%C3%BCr/%FF"],
  ["/admin*", "/admin/x/y"],
  ["/:lang?", "/"],
])("a rule for %s that a session cookie bypasses is bypassed on %s", async (path, target) => {
  const module = freshCache({ ttlSeconds: 60, rules: [{ path, bypass: { cookies: ["session"] } }] })
  const request = new Request(`https://a.example${target}`, { headers: { cookie: "session=1" } })
  await module.put(request, new Response("private"))
  expect(await module.match(request)).toBeUndefined()
  expect(await module.match(request.url)).toBeUndefined()
})

test.each([
  "/a*b",
  "/a*/b",
  "/a:b/*",
  "/a?",
  "/a#b",
  "/:x{a|b}",
  "/:x{.+}/b",
  "/:x{(?=a)a}",
  "/:x{^a}",
  "/:x{\\p{L}}",
  "/:x{a}b",
  "/:x{[0-9}",
  "/@1/:x",
  "/a|b/*",
  "/\ud83d/*",
])(
  "a rule for %j, which routers match differently, is refused when it is declared",
  async (path) => {
    const error = await errorOf(() => freshCache({ rules: [{}, { path }] }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe("LAYERON_INVALID_OPTION")
    expect(error.message).toMatch(/^cache\(\)\.rules\[1\]\.path must be a path pattern /)
  },
)

test.each([
  "/:a{((a?){50}){50}}",
  "/:a{(((a{11}){10}){10})}",
  "/:a{a{1001}}",
  "/:a{(a{0}){1001}}",
  `/:a{[${Array.from({ length: 1001 }, (_, n) => String.fromCharCode(0x4e00 + 2 * n)).join("")}]}`,
  `/:a{${"(".repeat(20)}a${")".repeat(20)}}`,
  "/:a{a{400}}/:b{a{400}}/:c{a{400}}",
  "/:a?".repeat(17),
])("a rule for %.40s, which would be large when it is compiled, is refused", async (path) => {
  const error = await errorOf(() => freshCache({ rules: [{ path }] }))
  expect(error).toMatchObject({ name: "TypeError", code: "LAYERON_INVALID_OPTION" })
})

test("the expressions of all rules of a declaration share what they may cost", async () => {
  const rules = Array.from({ length: 21 }, (_, n) => ({ path: `/${n}/:a{a{1000}}` }))
  expect(freshCache({ rules: rules.slice(1) }).rules).toHaveLength(20)
  const error = await errorOf(() => freshCache({ rules }))
  expect(error).toMatchObject({ name: "TypeError", code: "LAYERON_INVALID_OPTION" })
  expect(error.message).toContain("cache().rules[20].path")
})

test("a path that Hono's two routers route differently skips the cache", async () => {
  const module = freshCache({ rules: [{ path: "/a/*/c" }, { path: "/*" }] })
  const explanation = await module.explain("https://a.example/a//c")
  expect(explanation).toMatchObject({
    rule: null,
    bypass: { by: "path", name: "/a/*/c" },
    outcome: "bypass",
  })
  expect(explanation.sentence).toBe(
    `GET https://a.example/a//c skips ${module.identity} because Hono's routers do not agree whether /a/*/c matches its path.`,
  )
  await module.put("https://a.example/a//c", new Response("a"))
  expect(await module.match("https://a.example/a//c")).toBeUndefined()
  expect(await module.inspect()).toMatchObject({ entries: 0, bypasses: 2 })
})

test("a mid-pattern name that ends with a question mark is a name, as it is for Hono", async () => {
  const module = freshCache({ rules: [{ path: "/p/:v?/q" }] })
  expect((await module.explain("https://a.example/p/q")).rule).toBeNull()
  expect((await module.explain("https://a.example/p/1/q")).rule).not.toBeNull()
})

const SEGMENTS = [
  "a",
  "b",
  "ab",
  "",
  "*",
  "a*",
  ":x",
  ":y",
  ":x?",
  ":y?",
  ":x{[0-9]+}",
  ":x{\\d{2}}",
  ":x{[ab]+}",
  ":x{[^a]+}",
  ":x{[^/]+}",
  ":x{(a|b)}",
  ":x{(a|b)c?}",
  ":x{(?:a|b)*}",
  ":x{.+}",
  ":x{.*}",
  ":x{.}",
  ":x{..}",
  ":x{\\w+}",
  ":x{[\\w-]+}",
  ":x{\\S+}",
  ":x{[0-9]+}?",
  ":x{a}?",
  ":x{a/b}",
  ":x{.+\\.a}",
  "é",
  "a.b",
  "a+b",
  "(a)",
  "%2F",
  "%25",
  "%",
  "a^",
  "@a",
  "a:b",
  "a|b",
  "a b",
  "[a]",
  ":",
  "~",
]

const MATERIAL = [
  "a",
  "b",
  "ab",
  "1",
  "12",
  "c",
  "/",
  "/",
  "//",
  "%61",
  "%0A",
  "%0D",
  "%FF",
  "%C3%A9",
  "%C3",
  "%A9",
  "%E2%80%A8",
  "%EF%BB%BF",
  "%F0%9F%91%8D",
  "%2F",
  "%2f",
  "%25",
  "%",
  "%4",
  "%%34",
  "%5C",
  "%7B",
  "%7C",
  "+",
  ".",
  "-",
  "^",
  "%5E",
  "*",
  ":x",
  "@a",
  "(",
  "%20",
  "~",
  "%3F",
]

/** Pieces of random regular expressions. */
const EXPRESSION = [
  ..."ab10/.-+*?^|()[]$@",
  "[ab]",
  "[^a]",
  "[a-c1]",
  "[^/]",
  "[\\w.-]",
  "[\\D]",
  "[^\\s]",
  "\\d",
  "\\D",
  "\\w",
  "\\W",
  "\\s",
  "\\S",
  "\\.",
  "\\/",
  "\\-",
  "\\b",
  "(?:a|b)",
  "(?:ab)?",
  "(a|)",
  "(?=a)",
  "(?!b)",
  "{2}",
  "{1,}",
  "{0,2}",
  "+?",
  "*?",
  "é",
  "👍",
]

/** Pieces of random patterns, valid or not. */
const ARBITRARY = [..."//ab:*?{}@1.+|\\", "/:x", "/:y{", "[0-9]", "/*", "é", "#", "{2}"]

function randomPattern(random: Random): string {
  const some = (pieces: readonly string[], max: number) =>
    Array.from({ length: random.below(max) + 1 }, () => pieces[random.below(pieces.length)])
  const kind = random.below(4)
  if (kind === 0) return `/${some(ARBITRARY, 6).join("")}`
  const segments = some(SEGMENTS, 3)
  if (kind === 1) segments[random.below(segments.length)] = `:x{${some(EXPRESSION, 4).join("")}}`
  return `/${segments.join("/")}`
}

/** Returns a random path that is likely to match `pattern`. */
function pathFor(pattern: string, random: Random): string {
  const some = () =>
    Array.from({ length: random.below(3) + 1 }, () => MATERIAL[random.below(MATERIAL.length)])
  const segments = pattern.split(/\/(?![^{]*\})/).slice(1)
  const written = segments.map((segment) => {
    const isText = !/[:*?{]/.test(segment)
    const roll = random.below(8)
    if (roll === 0) return encodeURI(segment)
    if (roll === 1) return ""
    if (isText && roll < 7)
      return encodeURI(segment).replace(/a/g, () => (random.below(3) === 0 ? "%61" : "a"))
    return some().join("")
  })
  const behind = random.below(4) === 0 ? `/${some().join("")}` : ""
  return `/${written.slice(0, written.length - Number(random.below(6) === 0)).join("/")}${behind}`
}

/**
 * Returns whether a router with only this pattern routes a path, or `undefined` if it does not
 * support the pattern.
 */
function routes(router: RegExpRouter<string> | TrieRouter<string>, pattern: string) {
  try {
    router.add("GET", pattern, "routed")
    router.match("GET", "/")
  } catch {
    return undefined
  }
  return (path: string) => router.match("GET", path)[0].length > 0
}

test.each(seeds(1))(
  "rules cover the paths of 5,000 random patterns that Hono routes, and no other (seed %i)",
  async (seed) => {
    const random = new Random(seed)
    const { getPath } = new Hono()
    const seen = { refused: 0, covered: 0, uncovered: 0, ambiguous: 0, unsupported: 0 }
    for (let n = 0; n < 5_000; n++) {
      const pattern = randomPattern(random)
      let module: ReturnType<typeof cache>
      try {
        module = cache({ name: "random-patterns", rules: [{ path: pattern }] })
      } catch (error) {
        expect(error).toMatchObject({ name: "TypeError", code: "LAYERON_INVALID_OPTION" })
        seen.refused += 1
        continue
      }
      const [first, second] = [
        routes(new RegExpRouter(), pattern),
        routes(new TrieRouter(), pattern),
      ]
      if (second === undefined) throw new Error(`${pattern} is accepted, and Hono refuses it`)
      seen.unsupported += Number(first === undefined)
      for (let m = 0; m < 12; m++) {
        const { url } = new Request(`https://a.example${pathFor(pattern, random)}`)
        const path = getPath({ url } as Request)
        const routed = [(first ?? second)(path), second(path)]
        const { rule, bypass } = await module.explain(url)
        const outcome =
          bypass?.by === "path" ? "ambiguous" : rule === null ? "uncovered" : "covered"
        const expected = routed[0] !== routed[1] ? "ambiguous" : routed[0] ? "covered" : "uncovered"
        expect([pattern, path, outcome]).toEqual([pattern, path, expected])
        seen[outcome] += 1
      }
      await module.close()
    }
    expect(seen.refused).toBeGreaterThan(500)
    expect(seen.unsupported).toBeGreaterThan(100)
    expect(seen.covered).toBeGreaterThan(2_500)
    expect(seen.uncovered).toBeGreaterThan(2_500)
    expect(seen.ambiguous).toBeGreaterThan(10)
  },
  120_000,
)
