import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import type { Server } from "node:http"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { emptyRegistry, InstalledProject } from "../helpers/installed-project"
import { Layer } from "../helpers/layer-dev"
import { runNode } from "../helpers/run-node"

const ROOT = join(__dirname, "../..")
const PACKING_MS = 300_000
const INSTALLING_MS = 120_000

const out = mkdtempSync(join(tmpdir(), "tarballs-"))
let tarballs: readonly string[]

beforeAll(async () => {
  const { stdout } = await runNode([join(ROOT, "scripts/pack-local.mjs"), "--out", out], {
    timeout: PACKING_MS,
  })
  tarballs = stdout.trimEnd().split("\n").slice(-3)
}, PACKING_MS)

afterAll(() => rmSync(out, { recursive: true, force: true }))

/** Source with the guide's calls; it writes a line per result. */
const GUIDE = `
async function main(cache) {
  const apiCache = cache({
    name: "public-api",
    namespace: "storefront",
    ttlSeconds: 60,
    staleWhileRevalidateSeconds: 30,
    vary: ["accept-language"],
    tags: ["public-api"],
  })
  const tell = (what, value) => console.log(what, JSON.stringify(value))
  const request = new Request("https://api.example.com/api/products/7", { headers: { "accept-language": "de" } })
  const other = new Request(request, { headers: { "accept-language": "en" } })
  const response = Response.json({ product: { id: "7" } })

  tell("miss", (await apiCache.match(request)) ?? "nothing")
  await apiCache.put(request, response.clone(), { tags: ["products", "product:7"], ttlSeconds: 120 })
  const cached = await apiCache.match(request)
  tell("hit", [cached instanceof Response, cached.status, cached.headers.get("content-type"), await cached.json()])
  tell("variant", (await apiCache.match(other)) ?? "nothing")
  tell("purge", await apiCache.purge({ tags: ["products"] }))
  tell("purged", (await apiCache.match(request)) ?? "nothing")
  await apiCache.put(request, response)
  tell("delete", await apiCache.delete(request))
  tell("stats", await apiCache.stats())
}
`

const GUIDE_OUTPUT = `miss "nothing"
hit [true,200,"application/json",{"product":{"id":"7"}}]
variant "nothing"
purge {"purged":1}
purged "nothing"
delete true
stats {"hits":1,"misses":3,"puts":2,"deletes":1,"purges":1}
`

describe("a project that installed the tarballs of the package and of this platform", () => {
  const project = new InstalledProject()
  let registry: { url: string; server: Server }
  let output: string

  beforeAll(async () => {
    registry = await emptyRegistry()
    const { stdout, stderr } = await project.install(
      "--registry",
      registry.url,
      ...tarballs.slice(0, 2),
    )
    output = stdout + stderr
  }, INSTALLING_MS)

  afterAll(() => {
    registry.server.close()
    project.remove()
  })

  test("has no Rust on its PATH", () => {
    for (const command of ["cargo", "rustc"]) {
      expect(() =>
        execFileSync(command, ["--version"], { env: project.env, stdio: "ignore" }),
      ).toThrow(/ENOENT/)
    }
  })

  test("contains the package and the addon of its platform, and nothing else", () => {
    const platform = basename(tarballs[1] as string).replace(
      /^layeron-(modules-.*)-\d+\.\d+\.\d+\.tgz$/,
      "$1",
    )

    expect(output).toContain("added 2 packages")
    expect(readdirSync(join(project.path, "node_modules/@layeron")).sort()).toEqual([
      "modules",
      platform,
    ])
    expect(readdirSync(join(project.path, "node_modules/@layeron", platform)).sort()).toEqual(
      [
        "README.md",
        `layeron-${platform.replace("modules-", "modules.")}.node`,
        "package.json",
      ].sort(),
    )
  })

  test("ran no install script", () => {
    expect(readFileSync(join(project.path, "package-lock.json"), "utf8")).not.toContain(
      "hasInstallScript",
    )
    for (const folder of readdirSync(join(project.path, "node_modules/@layeron"))) {
      const installed = join(project.path, "node_modules/@layeron", folder)
      expect(JSON.parse(readFileSync(join(installed, "package.json"), "utf8"))).not.toHaveProperty(
        "scripts",
      )
      expect(existsSync(join(installed, "binding.gyp"))).toBe(false)
    }
  })

  test("contains compiled code, types and documents, and no sources; the package itself has no addon", () => {
    const { files, optionalDependencies, version } = manifestOf(project, "modules")
    const found = readdirSync(join(project.path, "node_modules/@layeron/modules"))
    const published = files.map((name: string) => name.replace("/", ""))

    expect(
      found.filter((name) => !published.includes(name) && !/^[A-Z]+(\.md)?$/.test(name)),
    ).toEqual(["package.json"])
    expect(found).toEqual(
      expect.arrayContaining(["LICENSE", "dist", "index.d.mts", "index.d.ts", "index.js"]),
    )
    const listed = readdirSync(join(ROOT, "npm")).map((platform) => [
      `@layeron/modules-${platform}`,
      version,
    ])
    expect(optionalDependencies).toEqual(Object.fromEntries(listed))
  })

  test("runs the guide's calls by import", async () => {
    const file = project.write(
      "guide.mjs",
      `import { cache } from "@layeron/modules"\n${GUIDE}\nawait main(cache)\n`,
    )

    expect((await project.run(file)).stdout).toBe(GUIDE_OUTPUT)
  })

  test("runs the guide's calls by require", async () => {
    const file = project.write(
      "guide.cjs",
      `const { cache } = require("@layeron/modules")\n${GUIDE}\nmain(cache)\n`,
    )

    expect((await project.run(file)).stdout).toBe(GUIDE_OUTPUT)
  })

  test.each(["node16", "nodenext"])(
    "finds the types by import and by require, resolving as %s",
    async (module) => {
      const code = `const shop: CacheModule = cache({ name: "shop", ttlSeconds: 60 })
const found: Promise<Response | undefined> = shop.match("https://a.example/")
// @ts-expect-error: no such option
cache({ name: "shop", ttlSecond: 60 })
export { found }
`
      project.write(
        "uses.mts",
        `import { type CacheModule, cache } from "@layeron/modules"\n${code}`,
      )
      project.write(
        "uses.cts",
        `import { type CacheModule, cache } from "@layeron/modules"\n${code}`,
      )
      const compilerOptions = {
        ...{ module, moduleResolution: module, strict: true, noEmit: true, skipLibCheck: false },
        ...{ target: "es2022", lib: ["es2023", "esnext.disposable", "dom"], types: [] },
      }
      project.write(
        "tsconfig.json",
        JSON.stringify({ compilerOptions, files: ["uses.mts", "uses.cts"] }),
      )

      expect(
        (await project.run(join(ROOT, "node_modules/typescript/bin/tsc"), "-p", ".")).stdout,
      ).toBe("")
    },
  )
})

describe("a project that installed the tarball of @layeron/core", () => {
  const project = new InstalledProject()

  beforeAll(() => project.install("--prefer-offline", tarballs[2] as string), INSTALLING_MS)

  afterAll(() => project.remove())

  const start = (entry: string) => {
    const bin = join(project.path, "node_modules/@layeron/core/bin/layer.js")
    return new Layer(["dev", entry], project.path, project.env, bin)
  }

  async function expectServed(entry: string): Promise<void> {
    const layer = start(entry)
    try {
      await layer.waitFor("Listening on ")
      const response = await fetch(`${layer.url}/api/hello`)
      expect([response.status, await response.json()]).toEqual([200, { hello: "world" }])
    } finally {
      await layer.stop()
    }
  }

  test("has no tsx", () => {
    expect(existsSync(join(project.path, "node_modules/tsx"))).toBe(false)
  })

  test("serves a JavaScript backend, and serves it again after a change", async () => {
    const file = project.write("app.mjs", SMALL_BACKEND)
    const layer = start("app.mjs")
    try {
      await layer.waitFor("Listening on ")
      const changed = SMALL_BACKEND.replace("world", "again")
      await layer.changeUntil(file, changed, "Listening on ", 2)
      expect(await (await fetch(`${layer.url}/api/hello`)).json()).toEqual({ hello: "again" })
    } finally {
      expect(await layer.stop()).toBe(0)
    }
  })

  test("ends the server with a killed command", async () => {
    project.write("app.mjs", SMALL_BACKEND)
    const layer = start("app.mjs")
    await layer.waitFor("Listening on ")
    // Resolves when the output closes, that is, when the last process with the pipe has ended.
    await layer.stop("SIGKILL")
    await expect(fetch(layer.url)).rejects.toThrow("fetch failed")
  })

  test("serves a TypeScript backend if Node strips types, and otherwise says what to install", async () => {
    project.write("app.ts", TYPED_BACKEND)
    const { typescript } = process.features as { typescript?: unknown }
    if (typescript) return expectServed("app.ts")
    const layer = start("app.ts")
    expect(await layer.exited()).toBe(1)
    expect(layer.output).toBe(
      `layer: app.ts is TypeScript, which Node ${process.versions.node} does not run. Use Node 22.18 or newer, or install tsx in the project: npm install --save-dev tsx\n`,
    )
  })
})

const SMALL_BACKEND = `
import { backend } from "@layeron/core"

const app = backend()
app.get("/api/hello", () => ({ hello: "world" }))
export default app
`

const TYPED_BACKEND = SMALL_BACKEND.replace("() =>", "(): { hello: string } =>")

function manifestOf(project: InstalledProject, name: string) {
  return JSON.parse(
    readFileSync(join(project.path, "node_modules/@layeron", name, "package.json"), "utf8"),
  )
}
