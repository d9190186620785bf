/**
 * The newest even-numbered Node, as the registry's `node` package has it, kept beside the project's
 * own dependencies.
 */
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { captureNpm, ROOT } from "./run.mjs"

const HOME = join(ROOT, "target/newest-node")

/** @returns version and path of the executable, installed where it was not. */
export async function newestEvenNode() {
  const present = installed()
  const wanted = await newestEvenVersion(present).catch((error) => {
    if (present === undefined) throw error
  })
  if (wanted === undefined || wanted === present?.version) return present
  mkdirSync(HOME, { recursive: true })
  await captureNpm(["install", "--prefix", HOME, "--no-package-lock", `${packageName()}@${wanted}`])
  return installed()
}

async function newestEvenVersion(present) {
  const patience = present === undefined ? [] : ["--fetch-retries=0", "--fetch-timeout=10000"]
  const { stdout } = await captureNpm(["view", packageName(), "versions", "--json", ...patience])
  const releases = JSON.parse(stdout)
    .filter((version) => /^\d+\.\d+\.\d+$/.test(version))
    .map((version) => version.split(".").map(Number))
    .filter(([major]) => major % 2 === 0)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
  return releases.at(-1).join(".")
}

function installed() {
  const folder = join(HOME, "node_modules", packageName())
  if (!existsSync(join(folder, "package.json"))) return undefined
  const { version, bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  return { version, path: join(folder, bin.node) }
}

/**
 * What the `node` package, by its install script, installs for this machine: taken by name, since
 * npm runs install scripts only where they are allowed.
 */
function packageName() {
  const { platform, arch } = process
  const prefix = platform === "darwin" && arch === "arm64" ? "node-bin" : "node"
  return [prefix, platform === "win32" ? "win" : platform, arch].join("-")
}
