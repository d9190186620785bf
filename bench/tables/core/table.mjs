/** The core without Node, by criterion: `crates/cache/benches`. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join, resolve } from "node:path"
import { capture, ROOT } from "../../../scripts/lib/run.mjs"
import { number } from "../../lib/format.mjs"
import { figures, plain } from "../../lib/rows.mjs"

const BENCHES = ["key", "lookup", "put", "purge"]
const CRITERION = join(resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target"), "criterion")

export default async function core({ quick }) {
  // Building takes longer than a measurement. Older files are of other runs.
  const began = Date.now()
  const names = BENCHES.flatMap((name) => ["--bench", name])
  const options = ["--", "--noplot", ...(quick ? ["--quick"] : [])]
  await capture("cargo", ["bench", "--package", "layeron-cache", ...names, ...options])
  return {
    title: "Core",
    note:
      "Nanoseconds in Rust, without Node and without the crossing. A `HashMap` under a lock, from a string to shared bytes, is the least that a " +
      "shared map can do.",
    sections: BENCHES.map((name) =>
      figures(name, ["median", "95 % sure that it is"], estimates(name, began).map(row)),
    ),
  }
}

function row({ what, median }) {
  const { lower_bound, upper_bound } = median.confidence_interval
  const cells = [
    `${number(median.point_estimate)} ns`,
    `${number(lower_bound)} to ${number(upper_bound)} ns`,
  ]
  return { ...plain({ what, cells }), nanoseconds: median.point_estimate }
}

/** Results that criterion has written since a time. */
function estimates(group, since) {
  return folders(join(CRITERION, group))
    .map((folder) => join(folder, "new"))
    .filter((folder) => existsSync(join(folder, "estimates.json")))
    .filter((folder) => statSync(join(folder, "estimates.json")).mtimeMs >= since)
    .map((folder) => ({
      what: read(folder, "benchmark").function_id,
      median: read(folder, "estimates").median,
    }))
}

function folders(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => join(folder, name))
}

function read(folder, name) {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"))
}
