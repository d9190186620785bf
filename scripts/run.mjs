/** Running commands, and telling of it in one line each. */
import { spawn } from "node:child_process"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)))

/** A command that failed, with all it wrote. */
export class CommandError extends Error {
  constructor(command, ending, output) {
    super(`${command} ${ending}`)
    this.output = output
  }
}

/** Runs a command to its end. @returns what it wrote, to standard output and standard error. */
export function capture(command, args, { cwd = ROOT, env = process.env, timeout } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, timeout, stdio: ["ignore", "pipe", "pipe"] })
    const written = { stdout: "", both: "" }
    child.stdout.setEncoding("utf8").on("data", (text) => {
      written.stdout += text
      written.both += text
    })
    child.stderr.setEncoding("utf8").on("data", (text) => {
      written.both += text
    })
    const line = [basename(command), ...args].join(" ")
    const fail = (ending) => reject(new CommandError(line, ending, written.both))
    child.on("error", (error) => fail(`did not start: ${error.message}`))
    child.on("close", (code, signal) => (code === 0 ? resolve(written) : fail(ended(code, signal))))
    endWithUs(child)
  })
}

/** Runs a command that speaks for itself. */
export function inForeground(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: "inherit" })
    const line = [basename(command), ...args].join(" ")
    child.on("error", (error) =>
      reject(new CommandError(line, `did not start: ${error.message}`, "")),
    )
    child.on("close", (code, signal) =>
      code === 0 ? resolve() : reject(new CommandError(line, ended(code, signal), "")),
    )
    endWithUs(child)
  })
}

function ended(code, signal) {
  return code === null ? `was ended by ${signal}` : `exited with ${code}`
}

// A terminal signals the whole group, a supervisor this process alone.
function endWithUs(child) {
  const stop = () => {
    child.kill("SIGTERM")
    process.exit(143)
  }
  process.once("SIGTERM", stop)
  child.on("close", () => process.off("SIGTERM", stop))
}

/** Runs a script of an installed package with this Node. */
export function captureNode(script, args, options) {
  return capture(process.execPath, [join(ROOT, "node_modules", script), ...args], options)
}

/** Runs npm: the one that runs this script, where one does. */
export function captureNpm(args, options = {}) {
  const running = process.env.npm_execpath ?? ""
  if (basename(running) === "npm-cli.js")
    return capture(process.execPath, [running, ...args], options)
  return process.platform === "win32"
    ? capture("cmd.exe", ["/d", "/s", "/c", "npm.cmd", ...args], options)
    : capture("npm", args, options)
}

/** Does some work under a title. What the work resolves to, if anything, ends the line. */
export async function step(title, work) {
  process.stdout.write(`${title} … `)
  const began = performance.now()
  const time = () => `${((performance.now() - began) / 1000).toFixed(1)} s`
  try {
    const outcome = await work()
    process.stdout.write(typeof outcome === "string" ? `${outcome}, ${time()}\n` : `${time()}\n`)
  } catch (error) {
    process.stdout.write(`failed, ${time()}\n`)
    throw error
  }
}

/** Runs a script, and ends it with what failed. */
export async function main(work) {
  try {
    await work()
  } catch (error) {
    tell(error)
    process.exitCode = 1
  }
}

function tell(error) {
  if (error instanceof AggregateError) error.errors.forEach(tell)
  if (error instanceof CommandError) process.stderr.write(`\n${error.output.trimEnd()}\n`)
  const isForeseen =
    error.constructor === Error || error instanceof CommandError || error instanceof AggregateError
  process.stderr.write(`${isForeseen ? error.message : error.stack}\n`)
}
