/**
 * `npm run test:all`: what `npm test` runs, then Jest on the newest Node of an even major version,
 * the model checker and the random tests with more seeds.
 */
import { newestEvenNode } from "./lib/newest-node.mjs"
import { setUp } from "./lib/setup.mjs"
import { main, step } from "./lib/steps.mjs"
import { TestRun } from "./lib/test-run.mjs"

/** How many times as many seeds as in `npm test` the random tests run with. */
const SEED_FACTOR = 8

await main(async () => {
  await setUp()
  const run = new TestRun()
  await run.cargoTests()
  await run.jestTests(process.execPath, process.versions.node)
  const node = await prepareNewestNode()
  if (node.version !== process.versions.node) await run.jestTests(node.path, node.version)
  await run.modelChecker()
  await run.longHistories(SEED_FACTOR)
  run.summarize()
})

async function prepareNewestNode() {
  let node
  await step("newest even-numbered Node", async () => {
    node = await newestEvenNode()
    return node.version
  })
  return node
}
