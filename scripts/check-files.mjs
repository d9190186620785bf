/** Checks of committed files that tools write. */
import { readFileSync } from "node:fs"
import { basename, relative } from "node:path"
import { capture, ROOT } from "./run.mjs"
import { filesUnder } from "./stamp.mjs"

const GENERATED = ["native.js", "native.d.ts"]
const GENERATED_FROM = ["src", "crates", "build.rs", "Cargo.toml", "Cargo.lock", "package.json"]

/**
 * The build has written these files anew. While their sources differ from the last commit so may
 * they: both belong in the next one.
 */
export async function checkAddonFiles() {
  const differing = await changedSinceCommit(GENERATED)
  if (differing === "" || (await changedSinceCommit(GENERATED_FROM)) !== "") return
  throw new Error(
    `Committed otherwise than generated:\n${differing}\nCommit what the build has written.`,
  )
}

async function changedSinceCommit(paths) {
  return (await capture("git", ["status", "--porcelain", "--", ...paths])).stdout.trimEnd()
}

/**
 * A lock file names packages and versions. Where they are downloaded from is each machine's own
 * business.
 */
export function checkLockFiles() {
  const naming = filesUnder(ROOT)
    .filter((file) => basename(file) === "package-lock.json")
    .filter((file) => /"resolved": *"https?:/.test(readFileSync(file, "utf8")))
  if (naming.length === 0) return
  const files = naming.map((file) => relative(ROOT, file)).join(", ")
  throw new Error(
    `Download addresses in ${files}. Set omit-lockfile-registry-resolved=true and lock again.`,
  )
}
