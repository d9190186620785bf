/**
 * The test suites. Each reports its progress line by line and resolves to how many tests passed.
 */
import { capture, installed, ROOT } from "./run.mjs"

const JEST = installed("jest/bin/jest.js")

/** The tests of the Rust crates. */
export function cargoTests(onLine) {
  return cargo(["test", "--workspace"], {}, onLine)
}

/** Refresh leases and fences under every interleaving, with loom: a build of its own. */
export function modelChecker(onLine) {
  const env = { RUSTFLAGS: "--cfg loom", CARGO_TARGET_DIR: `${ROOT}/target/loom` }
  const args = ["test", "--package", "layeron-cache", "--lib", "--release", "interleavings"]
  return cargo(args, env, onLine)
}

/** The random tests of the Rust crates with `factor` times as many seeds. */
export function longCargoHistories(factor, onLine) {
  const env = { TEST_SEED_FACTOR: String(factor) }
  const filters = ["histories", "random", "model"]
  return cargo(["test", "--package", "layeron-cache", "--", ...filters], env, onLine)
}

/** All Jest tests, on the given Node. */
export function jestTests(node, onLine) {
  return jest(node, [], {}, onLine)
}

/** The random tests in Jest with `factor` times as many seeds. */
export function longJestHistories(factor, onLine) {
  const env = { TEST_SEED_FACTOR: String(factor) }
  return jest(process.execPath, ["--testNamePattern", "\\(seed \\d+\\)"], env, onLine)
}

async function cargo(args, env, onLine) {
  const onResult = (line) => {
    const binary = /^\s+(?:Running (?:unittests )?|Doc-tests )(\S+)/.exec(line)?.[1]
    if (binary !== undefined) onLine(binary)
    if (/^test .* FAILED$|^test result/.test(line)) onLine(line)
  }
  const options = { env: { ...process.env, ...env }, onLine: onResult }
  const { stdout } = await capture("cargo", args, options)
  const results = [...stdout.matchAll(/^test result: ok\. (\d+) passed/gm)]
  return atLeastOne(results.reduce((sum, [, count]) => sum + Number(count), 0))
}

async function jest(node, args, env, onLine) {
  const onResult = (line) => {
    if (/^(PASS|FAIL|Tests:|Time:)/.test(line)) onLine(line)
  }
  const options = { env: { ...process.env, ...env }, onLine: onResult }
  const { both } = await capture(node, [JEST, "--ci", ...args], options)
  return atLeastOne(Number(/^Tests:.*?(\d+) passed/m.exec(both)?.[1] ?? 0))
}

function atLeastOne(count) {
  if (count === 0) throw new Error("No test ran.")
  return count
}
