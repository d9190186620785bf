/**
 * Builds and runs the fuzz targets in `fuzz/`, with libFuzzer. Cargo builds them on the stable
 * toolchain with the flags of cargo-fuzz, whose installation would take minutes.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { capture, ROOT } from "./run.mjs"

const FUZZ = join(ROOT, "fuzz")
const BUILT = join(ROOT, "target/fuzz")
const FLAGS = [
  ...["--cfg", "fuzzing", "-Ccodegen-units=1", "-Cpasses=sancov-module"],
  "-Cllvm-args=-sanitizer-coverage-level=4",
  "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
  "-Cllvm-args=-sanitizer-coverage-pc-table",
  "-Cllvm-args=-sanitizer-coverage-trace-compares",
]

/** Names of all targets. */
export function fuzzTargets() {
  return readdirSync(join(FUZZ, "targets")).map((file) => file.replace(/\.rs$/, ""))
}

/** Runs a cargo command on the targets, with the flags that they are built with. */
export async function cargoFuzz(command, ...args) {
  const env = {
    ...process.env,
    CARGO_TARGET_DIR: BUILT,
    CARGO_ENCODED_RUSTFLAGS: FLAGS.join("\x1f"),
  }
  const options = ["--manifest-path", join(FUZZ, "Cargo.toml"), "--release"]
  await capture("cargo", [command, ...options, "--target", await host(), "--bins", ...args], {
    env,
  })
}

async function host() {
  const { stdout } = await capture("rustc", ["-vV"])
  return /^host: (.*)$/m.exec(stdout)[1]
}

/**
 * Runs a target from its seeds for some seconds, with the same random numbers every time. Discards
 * the corpus that it finds.
 *
 * @returns the number of inputs that it ran.
 */
async function fuzzFromSeeds(target, seconds) {
  const found = join(BUILT, "found", target)
  rmSync(found, { recursive: true, force: true })
  mkdirSync(found, { recursive: true })
  const args = [...options(target, seconds), "-seed=1", found, seeds(target)]
  const { both } = await capture(await built(target), args)
  return Number(/^Done (\d+) runs/m.exec(both)?.[1] ?? 0)
}

/**
 * The command that runs a target for some seconds from the corpus of earlier runs, and adds to that
 * corpus.
 */
export async function fuzzCommand(target, seconds) {
  const corpus = join(FUZZ, "corpus", target)
  mkdirSync(corpus, { recursive: true })
  return [await built(target), [...options(target, seconds), corpus, seeds(target)]]
}

/** Checks that no parser takes more than about twice the steps for input twice as long. */
export async function checkDoubling() {
  const { stdout } = await capture(await built("doubling"), [])
  return stdout.trim()
}

/** Runs each target for some seconds, as many at a time as there are processors. */
export async function fuzzAll(seconds) {
  const left = fuzzTargets()
  const count = left.length
  let runs = 0
  const next = async () => {
    for (let target = left.pop(); target !== undefined; target = left.pop()) {
      const ran = await fuzzFromSeeds(target, seconds)
      if (ran === 0) throw new Error(`The fuzz target ${target} ran no input.`)
      runs += ran
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, next))
  return `${count} targets, ${runs} inputs`
}

function options(target, seconds) {
  const artifacts = join(FUZZ, "artifacts", target)
  mkdirSync(artifacts, { recursive: true })
  return [
    `-max_total_time=${seconds}`,
    "-timeout=20",
    `-dict=${join(FUZZ, "headers.dict")}`,
    `-artifact_prefix=${artifacts}/`,
  ]
}

function seeds(target) {
  return join(FUZZ, "seeds", target)
}

async function built(target) {
  return join(
    BUILT,
    await host(),
    "release",
    process.platform === "win32" ? `${target}.exe` : target,
  )
}
