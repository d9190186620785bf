/** Describes the machine and the versions. */
import { arch, cpus, loadavg, release, totalmem, type } from "node:os"
import { capture } from "../../scripts/lib/run.mjs"
import { megabytes, number } from "./format.mjs"
import { rivalVersions } from "./install.mjs"

export async function machine() {
  const { node, v8, undici } = process.versions
  return {
    node,
    v8,
    bundledUndici: undici,
    system: `${type()} ${release()} ${arch()}`,
    processor: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memory: totalmem(),
    load: loadavg()[0],
    commit: await commit(),
    rivals: rivalVersions(),
  }
}

/** The commit, and whether files differ from it. */
async function commit() {
  try {
    const { stdout } = await capture("git", ["rev-parse", "--short", "HEAD"])
    const changed = await capture("git", ["status", "--porcelain", "--", ".", ":!bench/results"])
    return stdout.trim() + (changed.stdout === "" ? "" : ", with changes")
  } catch {
    return "unknown"
  }
}

export function machineText(facts) {
  const rivals = Object.entries(facts.rivals).map(([name, version]) => `${name} ${version}`)
  const lines = [
    `Node ${facts.node} (V8 ${facts.v8}, its own undici ${facts.bundledUndici})`,
    `${facts.cores} cores of ${facts.processor}, ${megabytes(facts.memory)}, ${facts.system}; load at the beginning ${number(facts.load)}`,
    `commit ${facts.commit}`,
    rivals.join(", "),
  ]
  return lines.map((line) => `- ${line}`).join("\n")
}
