/** Installs the rivals, which the product does not depend on, with their own lock file. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { captureNpm, ROOT } from "../../scripts/lib/run.mjs"
import { fingerprint } from "../../scripts/lib/stamp.mjs"

const BENCH = join(ROOT, "bench")

/** In the folder that it describes, so that both are removed together. */
const LOCK_STAMP = join(BENCH, "node_modules/.lock-fingerprint")

export async function installRivals() {
  const lock = fingerprint(["bench/package-lock.json"])
  if (existsSync(LOCK_STAMP) && readFileSync(LOCK_STAMP, "utf8") === lock) return "unchanged"
  await captureNpm(["install", "--no-save", "--no-audit", "--no-fund"], { cwd: BENCH })
  writeFileSync(LOCK_STAMP, lock)
}

/** The versions of the rivals that are installed. */
export function rivalVersions() {
  const { dependencies } = read(join(BENCH, "package.json"))
  return Object.fromEntries(
    Object.keys(dependencies).map((name) => [
      name,
      read(join(BENCH, "node_modules", name, "package.json")).version,
    ]),
  )
}

function read(file) {
  return JSON.parse(readFileSync(file, "utf8"))
}
