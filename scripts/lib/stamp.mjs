/** Skips work whose inputs and outputs did not change since the last time. */
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "./run.mjs"

const STAMPS = join(ROOT, ".stamps")
const SKIPPED = new Set(["node_modules", "target", "dist", ".git"])

/** All files at and below a path, sorted by name. */
export function filesUnder(path) {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path)
    .filter((name) => !SKIPPED.has(name))
    .sort()
    .flatMap((name) => filesUnder(join(path, name)))
}

/** A hash of the names and contents of all files at and below the paths. */
export function fingerprint(paths, salt = "") {
  const hash = createHash("sha256").update(salt)
  for (const file of paths.flatMap((path) => filesUnder(join(ROOT, path)))) {
    const content = readFileSync(file)
    hash.update(`${file.slice(ROOT.length)}\0${content.length}\0`).update(content)
  }
  return hash.digest("hex")
}

/**
 * Makes the outputs of a task, unless neither they nor its inputs changed since they were made.
 *
 * @returns `"unchanged"` if there was nothing to do.
 */
export async function unlessCurrent({ name, inputs, outputs, salt }, make) {
  const file = join(STAMPS, name)
  const before = fingerprint(inputs, salt)
  const isComplete = outputs.every((path) => existsSync(join(ROOT, path)))
  if (
    isComplete &&
    existsSync(file) &&
    readFileSync(file, "utf8") === before + fingerprint(outputs)
  ) {
    return "unchanged"
  }
  await make()
  mkdirSync(STAMPS, { recursive: true })
  writeFileSync(file, before + fingerprint(outputs))
}
