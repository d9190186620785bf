import { cache } from "@layeron/modules"
import { Hono } from "hono"

const PATTERNS = [
  "/",
  "*",
  "/*",
  "/a",
  "/a/",
  "/a/*",
  "/a/b",
  "/:x",
  "/a/:x",
  "/a/:x/",
  "/a/:x/c",
  "/a/:x/*",
  "/a/*/c",
  "/*/b",
  "/a/:x?",
  "/:x?/b",
  "/a/:x?/:y?",
  "/a/:x{[0-9]+}",
  "/a/:x{[a-z]{2}}",
  "/a/:x{b|c}/d",
  "/a/:x{.+}",
  "/a.b",
  "/a+b",
  "/café",
  "/a b",
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
  "/ab",
  "/b",
  "/x/b",
  "/a//b",
  "/a.b",
  "/axb",
  "/a+b",
  "/aab",
  "/caf%C3%A9",
  "/a%20b",
  "/a%2Fb",
  "/a/b%2Fc",
  "/A",
]

test.each(PATTERNS)(
  "a rule for %s covers the paths that Hono routes to it, and no other",
  async (pattern) => {
    const app = new Hono()
    app.get(pattern, (context) => context.text("routed"))
    const rules = cache({ name: `pattern-${PATTERNS.indexOf(pattern)}`, rules: [{ path: pattern }] })

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
