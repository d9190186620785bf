import { join } from "node:path"
import { Worker } from "node:worker_threads"
import type { CacheModule, CacheWrapOptions } from "@layeron/modules"
import { AT, POLICY } from "./wrap"

/**
 * What a thread's handler does: fail, hang, stream a body that the test writes, or respond with any
 * other text.
 */
export type Mode = "throws" | "fails" | "private" | "language" | "hangs" | "stream" | (string & {})

/** The result of a call of a wrapped handler: a response or an error. */
export interface CallResult {
  readonly status?: number
  readonly cacheStatus?: string
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

/** A group of worker threads that each wrap a handler with one cache, and their shared counters. */
export class Threads {
  readonly #module: CacheModule
  readonly #shared = new SharedArrayBuffer(12)
  readonly #counters = new Int32Array(this.#shared)
  readonly #threads: Thread[] = []

  constructor(module: CacheModule) {
    this.#module = module
  }

  /** Starts a thread whose handler behaves as `mode` says. */
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

  /** Number of handler runs on all threads. */
  runs(): number {
    return Atomics.load(this.#counters, 0)
  }

  /**
   * Starts `callers` concurrent calls on each thread, which use `headers` in turn. No handler
   * responds before all calls have started.
   */
  async callConcurrently(
    callers: number,
    headers: readonly Record<string, string>[] = [{}],
    url = AT,
  ): Promise<CallResult[][]> {
    const barrier = new SharedArrayBuffer(4)
    Atomics.store(this.#counters, 1, 0)
    Atomics.store(this.#counters, 2, callers * this.#threads.length)
    const headersOfCalls = Array.from(
      { length: callers },
      (_, caller) => headers[caller % headers.length],
    )
    const calls = this.#threads.map((thread) =>
      thread.call("callConcurrently", url, headersOfCalls, this.#threads.length, barrier),
    )
    return (await Promise.all(calls)) as CallResult[][]
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }
}

/** A worker thread with a wrapped handler. Each call sets its clock to that of the test. */
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

  /** Resolves when the thread's handler has started at least once. */
  async running(): Promise<void> {
    if (this.#runs === 0) await new Promise<void>((resolve) => void this.#running.push(resolve))
  }

  /** Calls the wrapped handler once. */
  request(headers: Record<string, string> = {}, url = AT): Promise<CallResult> {
    return this.call("request", url, headers) as Promise<CallResult>
  }

  /** Calls the wrapped handler and resolves to the response's head; `name` identifies its body. */
  open(name: string, url = AT): Promise<CallResult> {
    return this.call("open", name, url) as Promise<CallResult>
  }

  /** Reads the next bytes of the body `name`; `undefined` at its end. */
  read(name: string): Promise<string | undefined> {
    return this.call("read", name) as Promise<string | undefined>
  }

  cancel(name: string): Promise<unknown> {
    return this.call("cancel", name)
  }

  /** Writes the next bytes of the body of a handler in the mode `stream`. */
  writeBody(text: string): Promise<unknown> {
    return this.call("writeBody", text)
  }

  endBody(): Promise<unknown> {
    return this.call("endBody")
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
