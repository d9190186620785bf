/**
 * `npm test`: the Rust tests, and Jest on this Node. With arguments it only runs Jest, with them:
 * `npm test -- purge`.
 */
import { inForeground, installed } from "./lib/run.mjs"
import { setUp } from "./lib/setup.mjs"
import { main } from "./lib/steps.mjs"
import { TestRun } from "./lib/test-run.mjs"

const jestArguments = process.argv.slice(2)

await main(async () => {
  await setUp()
  if (jestArguments.length > 0) {
    await inForeground(process.execPath, [installed("jest/bin/jest.js"), ...jestArguments])
    return
  }
  const run = new TestRun()
  await run.cargoTests()
  await run.jestTests(process.execPath, process.versions.node)
  run.summarize()
})
