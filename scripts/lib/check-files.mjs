/** Checks committed files that tools write. */
import { readFileSync } from "node:fs"
import { basename, relative } from "node:path"
import { capture, ROOT } from "./run.mjs"
import { filesUnder } from "./stamp.mjs"

const GENERATED = ["native.js", "native.d.ts", "npm"]
const SOURCES = ["src", "crates", "build.rs", "Cargo.toml", "Cargo.lock", "package.json"]

/**
 * Checks that the generated files, which the build has just written again, are as committed. They
 * may differ as long as their sources differ from the last commit, since the next commit has both.
 */
export async function checkGeneratedFiles() {
  const differing = await changedSinceCommit(GENERATED)
  if (differing === "" || (await changedSinceCommit(SOURCES)) !== "") return
  throw new Error(
    `These files are not as generated:\n${differing}\nCommit what the build has written.`,
  )
}

async function changedSinceCommit(paths) {
  return (await capture("git", ["status", "--porcelain", "--", ...paths])).stdout.trimEnd()
}

/** Checks that lock files name packages and versions only: each machine has its own registry. */
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
