import { type ChildProcess, type Serializable, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { CacheConfiguration, CacheModule, CacheModuleOptions } from "@layeron/modules"

/** First argument of a function that runs in a child process. */
export interface ChildContext {
  cache(options: CacheModuleOptions): CacheModule
  configure(options: CacheConfiguration): void
  /** Warnings that the process has emitted. */
  readonly warnings: { code: string; message: string }[]
  readonly require: NodeJS.Require
  /** A module that one function sets and the next ones use. */
  shop: CacheModule
}

/** A function that runs in a child process from its source, so it must not use outer variables. */
export type ChildFunction<Args extends unknown[], T> = (
  given: ChildContext,
  ...args: Args
) => T | Promise<T>

export interface ChildOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** A shell command that runs first, for example `ulimit -f 100`. Default: none. */
  readonly shellCommand?: string
  /** Called with each piece of text that the process writes to standard output. */
  readonly onOutput?: (text: string) => void
}

interface Reply {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
  readonly code?: string
}

const CHILD = join(__dirname, "storage-child.cjs")
const running = new Set<Child>()

afterEach(() => {
  for (const child of running) child.kill()
})

/** A child process that runs functions with the package. It is killed at the end of the test. */
export class Child {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >()
  #calls = 0

  constructor({ cwd, env, shellCommand = ":", onOutput }: ChildOptions = {}) {
    this.#process = spawn(
      "sh",
      ["-c", `${shellCommand}; exec "$0" "$1"`, process.execPath, CHILD],
      {
        cwd,
        // The test collects warnings; they are not printed.
        env: { ...process.env, NODE_NO_WARNINGS: "1", ...env },
        stdio: ["ignore", onOutput === undefined ? "inherit" : "pipe", "inherit", "ipc"],
        serialization: "advanced",
      },
    )
    running.add(this)
    if (onOutput !== undefined) this.#process.stdout?.setEncoding("utf8").on("data", onOutput)
    this.#process.on("message", (reply: Reply) => this.#settle(reply))
    this.#ended = once(this.#process, "close").then(() => {
      running.delete(this)
      for (const id of this.#waiting.keys()) this.#settle({ id, error: "the process has ended" })
    })
  }

  /** Runs a function in the process and resolves to its result. */
  async run<Args extends unknown[], T>(call: ChildFunction<Args, T>, ...args: Args): Promise<T> {
    const id = this.#calls++
    const reply = this.#replyTo(id)
    this.#process.send({ id, source: call.toString(), args } as Serializable)
    return reply as Promise<T>
  }

  /** Asks the process to exit and waits for its end. */
  async end(): Promise<void> {
    // A disconnect by the parent could hide the end of the process.
    this.#process.send({ end: true })
    await this.#ended
  }

  /** Resolves when the process has ended for any reason and all its output is read. */
  async ended(): Promise<void> {
    await this.#ended
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#process.kill(signal)
  }

  /** Kills the process and resolves when it has ended. */
  async killed(): Promise<void> {
    this.kill()
    await this.#ended
  }

  #replyTo(id: number): Promise<unknown> {
    const reply = new Promise<unknown>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }),
    )
    // A test that has ended its child does not await the reply.
    reply.catch(() => {})
    return reply
  }

  #settle({ id, value, error, code }: Reply): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(Object.assign(new Error(error), { code }))
  }
}

/** Runs a function in a new process and resolves to its result when the process has ended. */
export async function runInProcess<Args extends unknown[], T>(
  call: ChildFunction<Args, T>,
  ...args: Args
): Promise<T> {
  const child = new Child()
  const value = await child.run(call, ...args)
  await child.end()
  return value
}
