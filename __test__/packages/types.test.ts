/**
 * Compiles uses of the declarations in projects with different settings. `@ts-expect-error` marks
 * lines that must not compile.
 */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { temporaryProject } from "../helpers/layer-dev"

const TSC = join(__dirname, "../../node_modules/typescript/bin/tsc")

/** Source that must compile in every project. */
const USES = `
import { cache, configure, type CacheHandler, type CacheModule, type CacheModuleOptions, type CacheStorageName } from "@layeron/modules"

const shop: CacheModule = cache({ name: "shop", ttlSeconds: 60 })
export const found: Promise<Response | undefined> = shop.match("https://a.example/")

// Storages.
const storages: CacheModuleOptions[] = [
  { name: "a", storage: "memory" },
  { name: "a", storage: "file:./cache" },
  { name: "a", storage: { path: "./cache", memory: { maxBytes: 1 } } },
  { name: "a", storage: undefined },
]
const folder: string = "./cache"
const named: CacheStorageName = \`file:\${folder}\`
configure({ storage: named })
// @ts-expect-error: no storage is spelled so
cache({ name: "a", storage: "fil:x" })
// @ts-expect-error
cache({ name: "a", storage: "Memory" })
// @ts-expect-error
configure({ storage: "disk" })
// @ts-expect-error: it may be anything
cache({ name: "a", storage: folder })

// Handlers.
class NextRequest extends Request {
  readonly nextUrl = new URL(this.url)
}
declare const next: NextRequest
declare const plain: Request

const ofNext = shop.wrap(async (request: NextRequest) => new Response(request.nextUrl.pathname))
const answered: Promise<Response> = ofNext(next)
// @ts-expect-error: the handler needs what only its own class has
ofNext(plain)

const ofRequest = shop.wrap((request) => new Response(request.url))
ofRequest(plain)
ofRequest(next)
// @ts-expect-error: a Request has no such member
shop.wrap((request) => new Response(request.nextUrl.pathname))

const withRest = shop.wrap((request: NextRequest, user: string, at?: Date) => new Response(request.url + user + at))
withRest(next, "user")
withRest(next, "user", new Date())
// @ts-expect-error
withRest(next, 1)
// @ts-expect-error: no request
shop.wrap((request: URL) => new Response(request.href))

const handler: CacheHandler = (request) => new Response(request.url)
const handlerOfRest: CacheHandler<[string], NextRequest> = (request, user) => new Response(request.nextUrl + user)
shop.wrap<[string]>((request, user) => new Response(request.url + user))
shop.wrap(handler)
shop.wrap(handlerOfRest)(next, "user")

// @ts-expect-error: no such option
cache({ name: "shop", ttlSecond: 60 })

export { answered, storages }
`

const CORE = `
import { backend } from "@layeron/core"
import { cache } from "@layeron/modules"
export default backend({ gateway: { cache: true } }).use(cache({ name: "shop" })).get("/", () => ({ a: 1 }))
`

/** Source with exhaustive checks of errors and events. */
const EXHAUSTIVE = `
import { CacheError, CacheTypeError } from "@layeron/modules"
import type { CacheChannel, CacheErrorCode, CacheEvent, CacheInspection, CacheRefusal } from "@layeron/modules"

function never(value: never): never {
  throw value
}

export function count(event: CacheEvent): number | string {
  switch (event.operation) {
    case "match": {
      const outcome: "hit" | "stale" | "miss" | "bypass" = event.outcome
      return outcome + event.key
    }
    case "put": {
      const outcome: "stored" | "refused" | "fenced" | "bypass" | "error" = event.outcome
      return outcome + event.key
    }
    case "delete": {
      const outcome: "deleted" | "absent" | "bypass" = event.outcome
      return outcome + event.key
    }
    case "purge": {
      const outcome: "purged" | "softened" = event.outcome
      return outcome === "purged" ? event.purged : event.selected.tags.length
    }
    case "refresh": {
      const outcome: "refreshed" | "failed" = event.outcome
      return outcome + event.key
    }
    default:
      return never(event)
  }
}

export function incomplete(event: CacheEvent): number {
  switch (event.operation) {
    case "match":
    case "put":
    case "delete":
    case "purge":
      return 1
    default:
      // @ts-expect-error: the event of a refresh is left
      return never(event)
  }
}

export function mistaken(event: CacheEvent): void {
  // @ts-expect-error: only a purge has this
  void event.purged
  if (event.operation === "match") {
    // @ts-expect-error: a match is never stored
    void (event.outcome === "stored")
    // @ts-expect-error: only a purge has this
    void event.selected
  }
}

export function codeOf(error: unknown): CacheErrorCode | undefined {
  if (error instanceof CacheTypeError) {
    const typeError: TypeError = error
    const code: "LAYERON_INVALID_OPTION" | "LAYERON_INVALID_REQUEST" | "LAYERON_INVALID_RESPONSE" = error.code
    // @ts-expect-error: not of an argument
    void (error.code === "LAYERON_CLOSED")
    return typeError === undefined ? undefined : code
  }
  if (!(error instanceof CacheError)) return undefined
  // @ts-expect-error: no such code
  void (error.code === "LAYERON_LOST")
  // @ts-expect-error: of an argument
  void (error.code === "LAYERON_INVALID_OPTION")
  return error.code
}
// @ts-expect-error: only the cache makes them
new CacheError("LAYERON_CLOSED", "closed")

export const channels: readonly CacheChannel[] = ["layeron:cache:match", "layeron:cache:refresh"]
// @ts-expect-error: no such channel
export const channel: CacheChannel = "layeron:cache:find"

export function refused({ refusedWrites, disk }: CacheInspection): number {
  const reason: CacheRefusal = "too-large"
  const code = disk?.faultCode
  const fault: "busy" | "full" | "damaged" | "incompatible" | "removed" | "closed" | "panicked" | "io" | null | undefined = code
  // @ts-expect-error: no such reason
  void refusedWrites["too-small"]
  return refusedWrites[reason] + (fault === null ? 0 : 1)
}
`

/** Source for projects whose \`lib\` includes disposal. */
const DISPOSAL = `
import { cache, type CacheModule } from "@layeron/modules"

export async function use(): Promise<void> {
  await using shop = cache({ name: "shop" })
  await shop[Symbol.asyncDispose]()
  const disposable: AsyncDisposable = shop
  const module_: CacheModule = shop
  void [disposable, module_]
  // @ts-expect-error: it is not disposed of without waiting
  using other = cache({ name: "other" })
  void other
}
`

const STRICT = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }

type Settings = Readonly<Record<string, unknown>>

/** Compiles a project with these files and returns the diagnostics, empty if there are none. */
async function diagnosticsOf(
  files: Readonly<Record<string, string>>,
  settings: Settings,
): Promise<string> {
  const compilerOptions = {
    ...STRICT,
    noEmit: true,
    skipLibCheck: false,
    target: "es2022",
    types: [],
    ...settings,
  }
  const project = temporaryProject({
    ...files,
    "package.json": "{}",
    "tsconfig.json": JSON.stringify({ compilerOptions, files: Object.keys(files) }),
  })
  try {
    return await new Promise((resolve) =>
      execFile(process.execPath, [TSC, "-p", "."], { cwd: project.path }, (_, stdout, stderr) =>
        resolve(stdout + stderr),
      ),
    )
  } finally {
    project.remove()
  }
}

const RESOLUTIONS: readonly (readonly [string, Settings])[] = [
  ["node16", { module: "node16", moduleResolution: "node16" }],
  ["nodenext", { module: "nodenext", moduleResolution: "nodenext" }],
  ["bundler", { module: "esnext", moduleResolution: "bundler" }],
]

const LIBS: readonly (readonly [string, Settings])[] = [
  ["es2022 and dom, without disposal", { lib: ["es2022", "dom"] }],
  ["es2022, dom and dom.iterable", { lib: ["es2022", "dom", "dom.iterable"] }],
  ["esnext.disposable and dom", { lib: ["es2023", "esnext.disposable", "dom"] }],
  ["esnext and dom", { lib: ["esnext", "dom"] }],
  ["es2022 and the types of Node", { lib: ["es2022"], types: ["node"] }],
]

const ROWS = LIBS.flatMap(([lib, ofLib]) =>
  RESOLUTIONS.map(
    ([resolution, ofResolution]) => [lib, resolution, { ...ofLib, ...ofResolution }] as const,
  ),
)

test.each(ROWS)(
  "with %s, resolving as %s, all uses compile and all marked mistakes do not",
  async (_, __, settings) => {
    const files = { "uses.mts": USES, "errors-events.mts": EXHAUSTIVE, "core.mts": CORE }
    const both = settings.moduleResolution === "bundler" ? files : { ...files, "uses.cts": USES }
    expect(await diagnosticsOf(both, settings)).toBe("")
  },
)

test.each(RESOLUTIONS)(
  "with esnext.disposable, resolving as %s, a cache can be awaited with using",
  async (_, settings) => {
    const lib = ["es2023", "esnext.disposable", "dom"]
    expect(await diagnosticsOf({ "disposes.mts": DISPOSAL }, { ...settings, lib })).toBe("")
  },
)

test("an unmarked mistake is reported, so that the marks are effective", async () => {
  const settings = { module: "nodenext", moduleResolution: "nodenext", lib: ["es2022", "dom"] }
  const source =
    'import { cache } from "@layeron/modules"\ncache({ name: "a", storage: "fil:x" })\n'
  const described = await diagnosticsOf({ "mistake.mts": source }, settings)
  expect(described).toMatch(/^mistake\.mts\(2,20\): error TS2322/)
})
