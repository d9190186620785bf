import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"

const ROOT = join(__dirname, "../..")
const BIN = join(ROOT, "packages/core/bin/layer.js")
const DEADLINE_MS = 15_000

/** Creates a folder with the given files, from which `@layeron/core` resolves. */
export function temporaryProject(files: Record<string, string>): { path: string; remove(): void } {
  const parent = join(ROOT, "target/test-tmp")
  mkdirSync(parent, { recursive: true })
  const path = mkdtempSync(join(parent, "project-"))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A running `layer` command. */
export class Layer {
  readonly #child: ChildProcess
  readonly #exit: Promise<unknown>
  #output = ""

  constructor(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv = {}, bin = BIN) {
    this.#child = spawn(process.execPath, [bin, ...args], {
      cwd,
      env: { ...process.env, PORT: "0", HOST: "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    })
    this.#exit = once(this.#child, "close")
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        this.#output += text
        this.#child.emit("output")
      })
    }
  }

  /** Everything written so far, to standard output and standard error. */
  get output(): string {
    return this.#output
  }

  /** The URL of the latest line `Listening on`. @throws Error if there is none. */
  get url(): string {
    const url = [...this.#output.matchAll(/Listening on (\S+)/g)].at(-1)?.[1]
    if (url === undefined) throw new Error(`layer does not listen:\n${this.#output}`)
    return url
  }

  /** Waits until the output contains the text `times` times. @throws Error after `deadlineMs`. */
  async waitFor(text: string, times = 1, deadlineMs = DEADLINE_MS): Promise<void> {
    const signal = AbortSignal.timeout(deadlineMs)
    while (this.#output.split(text).length <= times) {
      if (this.#child.exitCode !== null) break
      await Promise.race([once(this.#child, "output", { signal }), this.#exit]).catch(() => {
        throw new Error(
          `"${text}" was not written ${times} times within ${deadlineMs} ms:\n${this.#output}`,
        )
      })
    }
    if (this.#output.split(text).length <= times) throw new Error(`layer ended:\n${this.#output}`)
  }

  /**
   * Writes the file, up to five times, until the output contains the text `times` times. A watcher
   * may start after the first write.
   */
  async changeUntil(file: string, content: string, text: string, times: number): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt++) {
      writeFileSync(file, content)
      const seen = await this.waitFor(text, times, 3_000).then(
        () => true,
        () => false,
      )
      if (seen) return
    }
    throw new Error(`No restart after a change of ${file}:\n${this.#output}`)
  }

  /** Waits for the end; resolves to the exit code, or `null` if a signal ended the process. */
  async exited(): Promise<number | null> {
    await this.#exit
    return this.#child.exitCode
  }

  /** Sends the signal, unless the process has ended, and waits for the end. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill(signal)
    return this.exited()
  }
}

/** Starts `layer dev` on a free port and waits until it answers. */
export async function startLayerDev(
  entry: string | undefined,
  cwd: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Layer> {
  const layer = new Layer(entry === undefined ? ["dev"] : ["dev", entry], cwd, env)
  try {
    await layer.waitFor("Listening on ")
    await fetch(layer.url)
    return layer
  } catch (error) {
    await layer.stop("SIGKILL")
    throw error
  }
}
