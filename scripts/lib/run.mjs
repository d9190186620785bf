/** Runs commands. */
import { spawn } from "node:child_process"
import { basename, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** A command that failed, with its output as far as it was captured. */
export class CommandError extends Error {
  constructor(command, ending, output) {
    super(`${command} ${ending}`)
    this.output = output
  }
}

/**
 * Runs a command to its end.
 *
 * @param onLine called with each line of the output while the command runs.
 * @returns the output: `stdout`, and `both` for standard output and standard error.
 */
export function capture(command, args, { onLine, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const stdio = ["ignore", "pipe", "pipe"]
    const child = spawn(command, args, { cwd: ROOT, env: process.env, ...options, stdio })
    const written = { stdout: "", both: "" }
    const read = (stream, isStdout) => {
      const take = onLine === undefined ? undefined : lines(onLine)
      stream.setEncoding("utf8").on("data", (text) => {
        if (isStdout) written.stdout += text
        written.both += text
        take?.(text)
      })
    }
    read(child.stdout, true)
    read(child.stderr, false)
    const fail = (ending) => reject(new CommandError(shown(command, args), ending, written.both))
    child.on("error", (error) => fail(`did not start: ${error.message}`))
    child.on("close", (code, signal) => (code === 0 ? resolve(written) : fail(ended(code, signal))))
    endWithUs(child)
  })
}

/** Runs a command that uses this terminal. */
export function inForeground(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: "inherit" })
    const fail = (ending) => reject(new CommandError(shown(command, args), ending, ""))
    child.on("error", (error) => fail(`did not start: ${error.message}`))
    child.on("close", (code, signal) => (code === 0 ? resolve() : fail(ended(code, signal))))
    endWithUs(child)
  })
}

/** Runs a script of an installed package with this Node. */
export function captureNode(script, args, options) {
  return capture(process.execPath, [installed(script), ...args], options)
}

/** Path of a script of an installed package, such as `jest/bin/jest.js`. */
export function installed(script) {
  return join(ROOT, "node_modules", script)
}

/** Runs npm: the one that runs this script, if there is one. */
export function captureNpm(args, options = {}) {
  const running = process.env.npm_execpath ?? ""
  if (basename(running) === "npm-cli.js")
    return capture(process.execPath, [running, ...args], options)
  return process.platform === "win32"
    ? capture("cmd.exe", ["/d", "/s", "/c", "npm.cmd", ...args], options)
    : capture("npm", args, options)
}

/** Calls `onLine` with each whole line of the text pieces that the returned function gets. */
function lines(onLine) {
  let rest = ""
  return (text) => {
    const found = (rest + text).split("\n")
    rest = found.pop()
    found.forEach(onLine)
  }
}

function shown(command, args) {
  return [basename(command), ...args].join(" ")
}

function ended(code, signal) {
  return code === null ? `was ended by ${signal}` : `exited with ${code}`
}

// A terminal signals the whole process group, a supervisor only this process.
function endWithUs(child) {
  const stop = () => {
    child.kill("SIGTERM")
    process.exit(143)
  }
  process.once("SIGTERM", stop)
  child.on("close", () => process.off("SIGTERM", stop))
}
