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

/** Source of a fake `@opentelemetry/api` that writes a line of JSON for each call. */
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
 * Returns a script that declares `shop`, calls every operation that has a metric, and then runs
 * `afterwards`.
 */
function script(observability: object | undefined, afterwards: string): string {
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
  ${afterwards}
}
main()
`
}

/** Metrics of the script's operations, in order. */
export const EXPECTED_METRICS: readonly (readonly [metric: string, value: number])[] = [
  ["cache.misses", 1],
  ["cache.puts", 1],
  ["cache.hits", 1],
  ["cache.hits", 1],
  ["cache.puts", 1],
  ["cache.errors", 1],
  ["cache.purges", 2],
  ["cache.deletes", 1],
]

export interface MeteredOptions {
  readonly observability?: object
  /** Whether the project has OpenTelemetry's API. */
  readonly telemetry?: boolean
  readonly afterwards?: string
}

/** Runs the script in a project that has the package installed; resolves to its output. */
export async function runMetered({
  observability,
  telemetry = false,
  afterwards = "",
}: MeteredOptions) {
  const project = temporaryProject({
    // Without a package.json of its own, the project would belong to this repository's package.
    "package.json": "{}",
    "app.cjs": script(observability, afterwards),
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
