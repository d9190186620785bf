/** Work in a process of its own, so that contestants do not share a heap. */
import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"

const MAIN = fileURLToPath(new URL("child-main.mjs", import.meta.url))

/**
 * Heap for a million entries in JavaScript, which is more than the default of a small machine.
 */
const FLAGS = ["--expose-gc", "--max-old-space-size=8192"]

/**
 * Runs the default export of a module in a child process, with another Node if one is given.
 * @returns its result
 */
export function inChild(module, input, { node = process.execPath } = {}) {
  return new Promise((resolve, reject) => {
    const child = fork(MAIN, { execPath: node, execArgv: FLAGS, serialization: "advanced" })
    const stop = () => {
      child.kill("SIGTERM")
      process.exit(143)
    }
    process.once("SIGTERM", stop)
    let told
    child.on("message", (message) => {
      told = message
    })
    child.on("error", reject)
    child.on("close", (code, signal) => {
      process.off("SIGTERM", stop)
      if (told === undefined)
        reject(new Error(`A process of the table ended by ${signal ?? code}.`))
      else if ("failed" in told) reject(new Error(told.failed))
      else resolve(told.outcome)
    })
    child.send({ module: String(module), input })
  })
}
