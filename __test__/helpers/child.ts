import { type ChildProcess, type Serializable, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import type { CacheConfiguration, CacheModule, CacheModuleOptions } from "@layeron/modules"

/** What a function finds that runs in a child. */
export interface Given {
  cache(options: CacheModuleOptions): CacheModule
  configure(options: CacheConfiguration): void
  /** What the process has been warned of. */
  readonly warnings: { code: string; message: string }[]
  readonly require: NodeJS.Require
  /** Where functions leave what the next one needs. */
  shop: CacheModule
}

/** A function of its own: it runs elsewhere and sees nothing of what is around it. */
export type Elsewhere<Args extends unknown[], T> = (given: Given, ...args: Args) => T | Promise<T>

export interface ChildOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** What the shell does before: `ulimit -f 100`, say. */
  readonly after?: string
  /** Hears what it writes. */
  readonly hear?: (text: string) => void
}

interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
  readonly code?: string
}

const CHILD = join(__dirname, "storage-child.cjs")
const living = new Set<Child>()

afterEach(() => {
  for (const child of living) child.kill()
})

/**
 * A process that has the package and does what it is sent. One that outlives its test is killed.
 */
export class Child {
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >()
  #calls = 0

  constructor({ cwd, env, after = ":", hear }: ChildOptions = {}) {
    this.#process = spawn("sh", ["-c", `${after}; exec "$0" "$1"`, process.execPath, CHILD], {
      cwd,
      // The test collects warnings; they are not printed.
      env: { ...process.env, NODE_NO_WARNINGS: "1", ...env },
      stdio: ["ignore", hear === undefined ? "inherit" : "pipe", "inherit", "ipc"],
      serialization: "advanced",
    })
    living.add(this)
    if (hear !== undefined) this.#process.stdout?.setEncoding("utf8").on("data", hear)
    this.#process.on("message", (answer: Answer) => this.#settle(answer))
    this.#ended = once(this.#process, "close").then(() => {
      living.delete(this)
      for (const id of this.#waiting.keys()) this.#settle({ id, error: "the process has ended" })
    })
  }

  /** Runs a function there and resolves to what it returns. */
  async run<Args extends unknown[], T>(call: Elsewhere<Args, T>, ...args: Args): Promise<T> {
    const id = this.#calls++
    const answer = this.#answer(id)
    this.#process.send({ id, source: call.toString(), args } as Serializable)
    return answer as Promise<T>
  }

  /** Lets it end by itself. */
  async end(): Promise<void> {
    // Where this side ends the connection, the end of the process may go unnoticed.
    this.#process.send({ end: true })
    await this.#ended
  }

  /** Resolves once the process has ended for any reason and all its output is read. */
  async ended(): Promise<void> {
    await this.#ended
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.#process.kill(signal)
  }

  /** Kills it, and resolves when it is gone. */
  async killed(): Promise<void> {
    this.kill()
    await this.#ended
  }

  #answer(id: number): Promise<unknown> {
    const answer = new Promise<unknown>((resolve, reject) =>
      this.#waiting.set(id, { resolve, reject }),
    )
    // Who has ended a child waits for no answer.
    answer.catch(() => {})
    return answer
  }

  #settle({ id, value, error, code }: Answer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(Object.assign(new Error(error), { code }))
  }
}

/**
 * Runs a function in a process of its own that ends by itself then, and resolves to what it has
 * returned once the process is gone.
 */
export async function inProcess<Args extends unknown[], T>(
  call: Elsewhere<Args, T>,
  ...args: Args
): Promise<T> {
  const child = new Child()
  const value = await child.run(call, ...args)
  await child.end()
  return value
}
