/** Installs the newest Node of an even major version, from the npm registry, under `target`. */
import { existsSync, mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { captureNpm, ROOT } from "./run.mjs"

const FOLDER = join(ROOT, "target/newest-node")

/** Version and path of the executable, which it installs if it is not the newest. */
export async function newestEvenNode() {
  const present = installed()
  const wanted = await newestEvenVersion(present).catch((error) => {
    if (present === undefined) throw error
  })
  if (wanted === undefined || wanted === present?.version) return present
  mkdirSync(FOLDER, { recursive: true })
  await captureNpm([
    "install",
    "--prefix",
    FOLDER,
    "--no-package-lock",
    `${packageName()}@${wanted}`,
  ])
  return installed()
}

async function newestEvenVersion(present) {
  const shortTimeout = present === undefined ? [] : ["--fetch-retries=0", "--fetch-timeout=10000"]
  const { stdout } = await captureNpm([
    "view",
    packageName(),
    "versions",
    "--json",
    ...shortTimeout,
  ])
  const releases = JSON.parse(stdout)
    .filter((version) => /^\d+\.\d+\.\d+$/.test(version))
    .map((version) => version.split(".").map(Number))
    .filter(([major]) => major % 2 === 0)
    .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2])
  return releases.at(-1).join(".")
}

function installed() {
  const folder = join(FOLDER, "node_modules", packageName())
  if (!existsSync(join(folder, "package.json"))) return undefined
  const { version, bin } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  return { version, path: join(folder, bin.node) }
}

/**
 * The package with the executable for this machine. The install script of the `node` package would
 * install it, but npm may not run install scripts.
 */
function packageName() {
  const { platform, arch } = process
  const prefix = platform === "darwin" && arch === "arm64" ? "node-bin" : "node"
  return [prefix, platform === "win32" ? "win" : platform, arch].join("-")
}
