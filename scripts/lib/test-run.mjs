/** A run of several test suites, which counts the tests that passed. */
import { longStep } from "./steps.mjs"
import {
  cargoTests,
  jestTests,
  longCargoHistories,
  longJestHistories,
  modelChecker,
} from "./suites.mjs"

export class TestRun {
  #passed = 0

  cargoTests() {
    return this.#suite("Rust tests (cargo test)", cargoTests)
  }

  jestTests(node, version) {
    return this.#suite(`Jest on Node ${version}`, (onLine) => jestTests(node, onLine))
  }

  modelChecker() {
    return this.#suite("model checker (cargo test, --cfg loom)", modelChecker)
  }

  /**
   * The random tests with `factor` times as many seeds. Seeds count up from 0 in Rust, from 1 in
   * Jest.
   */
  async longHistories(factor) {
    const seeds = `TEST_SEED_FACTOR=${factor}`
    await this.#suite(`random Rust tests, ${seeds}`, (onLine) => longCargoHistories(factor, onLine))
    await this.#suite(`random Jest tests, ${seeds}`, (onLine) => longJestHistories(factor, onLine))
  }

  summarize() {
    process.stdout.write(`Tests: ${this.#passed} passed, 0 failed\n`)
  }

  #suite(title, run) {
    return longStep(title, async (onLine) => {
      const count = await run(onLine)
      this.#passed += count
      return `${count} passed`
    })
  }
}
