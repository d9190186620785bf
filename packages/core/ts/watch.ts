import { spawn } from "node:child_process"
import { once } from "node:events"
import { createRequire } from "node:module"
import { extname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { EntryError, shortName } from "./entry.js"

const SERVER = join(__dirname, "serve.js")

/**
 * Runs the server with the entry and runs it again whenever one of the loaded files changes, under
 * `tsx watch` if tsx is installed and under `node --watch` otherwise.
 *
 * @throws EntryError if the entry is TypeScript that neither of them can run.
 */
export async function watch(entry: string): Promise<void> {
  const tsx = findTsx(entry)
  if (tsx !== undefined) return watchWithTsx(tsx, entry)
  if (isTypeScript(entry) && !stripsTypes()) throw new EntryError(needsTsx(entry))
  return watchWithNode(entry)
}

/**
 * The command of the tsx that the entry's project has, or that is installed beside this package.
 */
function findTsx(entry: string): string | undefined {
  for (const from of [entry, __filename]) {
    try {
      return createRequire(from).resolve("tsx/cli")
    } catch {
      // Not installed there.
    }
  }
  return undefined
}

function isTypeScript(entry: string): boolean {
  return [".ts", ".mts", ".cts"].includes(extname(entry))
}

/**
 * Whether this Node runs TypeScript by removing its types: 22.18, 23.6 and newer, unless told not
 * to.
 */
function stripsTypes(): boolean {
  const { typescript } = process.features as { typescript?: string | false }
  return typeof typescript === "string"
}

function needsTsx(entry: string): string {
  return `${shortName(entry)} is TypeScript, which Node ${process.versions.node} does not run. \
Use Node 22.18 or newer, or install tsx in the project: npm install --save-dev tsx`
}

/** Turns this process into `tsx watch`. */
async function watchWithTsx(tsx: string, entry: string): Promise<void> {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => endWithTsx(signal))
  const args = ["watch", "--clear-screen=false", SERVER, entry]
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...args)
  await import(pathToFileURL(tsx).href)
}

/** tsx stops its child and exits with the number of the signal. A requested stop is no failure. */
function endWithTsx(signal: string): void {
  process.on("exit", () => {
    process.exitCode = 0
  })
  const isTsxListening = process.listenerCount(signal) > 1
  if (!isTsxListening) process.exit()
}

/** Runs `node --watch` until it ends. */
async function watchWithNode(entry: string): Promise<void> {
  const args = ["--watch", "--watch-preserve-output", SERVER, entry]
  const env = { ...process.env, LAYER_DEV_PID: String(process.pid) }
  const watcher = spawn(process.execPath, args, { stdio: "inherit", env })
  let isStopping = false
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      isStopping = true
      watcher.kill(signal)
    })
  }
  const [code] = await once(watcher, "close")
  process.exitCode = isStopping ? 0 : (code ?? 1)
}
