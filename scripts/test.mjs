/**
 * `npm test`: the Rust tests, then Jest on this Node and on the newest even-numbered one. With
 * arguments it hands them to Jest on this Node and leaves the rest out: `npm test -- purge`.
 */
import { newestEvenNode } from "./newest-node.mjs"
import { capture, inForeground, main, ROOT, step } from "./run.mjs"
import { setUp } from "./setup.mjs"

const JEST = "jest/bin/jest.js"
const jestArguments = process.argv.slice(2)

await main(async () => {
  await setUp()
  if (jestArguments.length > 0) {
    await inForeground(process.execPath, [`${ROOT}/node_modules/${JEST}`, ...jestArguments])
    return
  }
  let passed = 0
  await step("cargo test", async () => told(await cargoTest()))
  await step("model checker", async () => told(await modelChecker()))
  await step(`Jest on Node ${process.versions.node}`, async () => told(await jest()))
  const node = await prepareNewestNode()
  if (node.version !== process.versions.node) {
    await step(`Jest on Node ${node.version}`, async () => told(await jest(node.path)))
  }
  process.stdout.write(`Tests: ${passed} passed, 0 failed\n`)

  function told(count) {
    if (count === 0) throw new Error("No test ran.")
    passed += count
    return `${count} passed`
  }
})

async function cargoTest() {
  return passedByCargo(await capture("cargo", ["test", "--workspace"]))
}

/**
 * Elections and fences under every interleaving. Apart from the rest, because all is built anew for
 * it.
 */
async function modelChecker() {
  const env = { ...process.env, RUSTFLAGS: "--cfg loom", CARGO_TARGET_DIR: `${ROOT}/target/loom` }
  const test = ["test", "--package", "layeron-cache", "--lib", "--release", "interleavings"]
  return passedByCargo(await capture("cargo", test, { env }))
}

function passedByCargo({ stdout }) {
  const results = [...stdout.matchAll(/^test result: ok\. (\d+) passed/gm)]
  return results.reduce((sum, [, count]) => sum + Number(count), 0)
}

async function jest(node = process.execPath) {
  const { both } = await capture(node, [`${ROOT}/node_modules/${JEST}`, "--ci"])
  return Number(/^Tests:.*?(\d+) passed/m.exec(both)?.[1] ?? 0)
}

async function prepareNewestNode() {
  let node
  await step("newest even-numbered Node", async () => {
    node = await newestEvenNode()
    return node.version
  })
  return node
}
