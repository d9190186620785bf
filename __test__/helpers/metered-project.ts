import { cpSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { temporaryProject } from "./layer-dev"
import { runNode } from "./run-node"

const ROOT = join(__dirname, "../..")
const PACKAGE = [
  "package.json",
  "index.js",
  "native.js",
  "dist",
  ...readdirSync(ROOT).filter((name) => name.endsWith(".node")),
]

/** An API of OpenTelemetry that writes a line of JSON for each call. */
const TELEMETRY = `
const write = (value) => console.log(JSON.stringify(value))
const createCounter = (counter) => {
  write({ created: counter })
  return { add: (value, attributes) => write({ counter, value, attributes }) }
}
const meters = {}
exports.metrics = { getMeter: (meter) => (meters[meter] ??= (write({ meter }), { createCounter })) }
`

/**
 * Declares `shop` with some observability, uses it in every way that is counted, and runs what
 * comes then.
 */
function script(observability: object | undefined, then: string): string {
  const options = JSON.stringify({ name: "shop", namespace: "ns", observability })
  return `
const { cache } = require("@layeron/modules")
const shop = cache(${options})
const AT = "https://api.example.com/"
async function main() {
  await shop.match(AT)
  await shop.put(AT, new Response("a"), { tags: ["t"] })
  await shop.match(AT)
  await shop.match(AT)
  await shop.put(AT + 2, new Response("a"), { tags: ["t"] })
  await shop.put(AT, new Response("a", { headers: { "content-length": "2" } })).catch(() => {})
  await shop.purge({ tags: ["t"] })
  await shop.delete(AT)
  ${then}
}
main()
`
}

/** What is counted of it, in order. */
export const COUNTED: readonly (readonly [metric: string, value: number])[] = [
  ["cache.misses", 1],
  ["cache.puts", 1],
  ["cache.hits", 1],
  ["cache.hits", 1],
  ["cache.puts", 1],
  ["cache.errors", 1],
  ["cache.purges", 2],
  ["cache.deletes", 1],
]

export interface Metered {
  readonly observability?: object
  /** Whether the project has OpenTelemetry's API. */
  readonly telemetry?: boolean
  readonly then?: string
}

/** Uses the cache in a project that has the package installed, and resolves to what was written. */
export async function runMetered({ observability, telemetry = false, then = "" }: Metered) {
  const project = temporaryProject({
    // With a package of its own around it, the project does not take itself for part of this one.
    "package.json": "{}",
    "app.cjs": script(observability, then),
    ...(telemetry ? { "node_modules/@opentelemetry/api/index.js": TELEMETRY } : {}),
  })
  try {
    const installed = join(project.path, "node_modules/@layeron/modules")
    for (const name of PACKAGE) cpSync(join(ROOT, name), join(installed, name), { recursive: true })
    return await runNode(["app.cjs"], { cwd: project.path })
  } finally {
    project.remove()
  }
}
