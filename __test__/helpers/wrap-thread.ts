import { join } from "node:path"
import { Worker } from "node:worker_threads"
import type { CacheModule, CacheWrapOptions } from "@layeron/modules"
import { AT, POLICY } from "./wrap"

/** What a thread's handler does: fail in some way, be held open, or answer with any other text. */
export type Mode = "throws" | "fails" | "private" | "language" | "hangs" | "held" | (string & {})

/** What a caller got: a response, or what it failed with. */
export interface Got {
  readonly status?: number
  readonly how?: string
  readonly text?: string
  readonly error?: string
  readonly code?: string
}

interface Message {
  readonly id?: number
  readonly value?: unknown
  readonly error?: string
  readonly run?: number
}

type Options = Omit<CacheWrapOptions, "waitUntil" | "tags"> & { tags?: readonly string[] }

/** Threads that wrap handlers of their own with one cache, and what they have in common. */
export class Threads {
  readonly #module: CacheModule
  readonly #shared = new SharedArrayBuffer(12)
  readonly #counters = new Int32Array(this.#shared)
  readonly #threads: Thread[] = []

  constructor(module: CacheModule) {
    this.#module = module
  }

  /** Starts a thread whose handler does so. */
  async start(mode: Mode, wrapping: Options = POLICY): Promise<Thread> {
    const { name, namespace } = this.#module
    const thread = new Thread({
      options: { name, namespace },
      mode,
      wrapping,
      shared: this.#shared,
    })
    this.#threads.push(thread)
    await thread.call("ready")
    return thread
  }

  /** How often the handlers have been run, on all threads together. */
  runs(): number {
    return Atomics.load(this.#counters, 0)
  }

  /**
   * So many callers at once on each thread, with these headers in turn. No handler answers before
   * all have asked.
   */
  async crowd(
    callers: number,
    headers: readonly Record<string, string>[] = [{}],
    url = AT,
  ): Promise<Got[][]> {
    const gate = new SharedArrayBuffer(4)
    Atomics.store(this.#counters, 1, 0)
    Atomics.store(this.#counters, 2, callers * this.#threads.length)
    const each = Array.from({ length: callers }, (_, caller) => headers[caller % headers.length])
    const crowds = this.#threads.map((thread) =>
      thread.call("crowd", url, each, this.#threads.length, gate),
    )
    return (await Promise.all(crowds)) as Got[][]
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }
}

/** A worker thread. Its clock stands where the test's stood at the last call. */
export class Thread {
  readonly #worker: Worker
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >()
  readonly #running: (() => void)[] = []
  #calls = 0
  #runs = 0

  constructor(workerData: unknown) {
    this.#worker = new Worker(join(__dirname, "wrap-worker.cjs"), { workerData, env: process.env })
    this.#worker.on("message", (message: Message) => {
      if (message.id !== undefined) return this.#settle(message.id, message)
      this.#runs++
      for (const resolve of this.#running.splice(0)) resolve()
    })
    this.#worker.on("error", ({ message: error }) => {
      for (const id of this.#waiting.keys()) this.#settle(id, { error })
    })
  }

  /** Comes when the thread's handler is running, or has been. */
  async running(): Promise<void> {
    if (this.#runs === 0) await new Promise<void>((resolve) => void this.#running.push(resolve))
  }

  /** Asks once. */
  ask(headers: Record<string, string> = {}, url = AT): Promise<Got> {
    return this.call("ask", url, headers) as Promise<Got>
  }

  /** Asks, and tells the head of the response, whose body is known to the thread by `name`. */
  open(name: string, url = AT): Promise<Got> {
    return this.call("open", name, url) as Promise<Got>
  }

  /** The next bytes of that body; `undefined` at its end. */
  read(name: string): Promise<string | undefined> {
    return this.call("read", name) as Promise<string | undefined>
  }

  cancel(name: string): Promise<unknown> {
    return this.call("cancel", name)
  }

  /** Gives the next bytes of the body that a held handler has answered with. */
  give(text: string): Promise<unknown> {
    return this.call("give", text)
  }

  finish(): Promise<unknown> {
    return this.call("end")
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  call(call: string, ...args: unknown[]): Promise<unknown> {
    const id = this.#calls++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, now: Date.now(), call, args })
    })
  }

  #settle(id: number, { value, error }: Message): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === undefined) waiting?.resolve(value)
    else waiting?.reject(new Error(error))
  }
}
