import { join } from "node:path"
import { Worker } from "node:worker_threads"
import type {
  CacheModule,
  CacheModuleOptions,
  CachePurgeSelector,
  CachePutOptions,
} from "@layeron/modules"
import type { Removal } from "./stale-module"

interface Message {
  readonly id?: number
  readonly value?: unknown
  readonly error?: string
  readonly building?: true
  readonly answered?: string
}

/**
 * A worker thread with a declaration of its own. Its clock stands where the test's stood at the
 * last call.
 */
export class Thread {
  readonly #worker: Worker
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >()
  #calls = 0

  private constructor(options: CacheModuleOptions, onCrowd: (message: Message) => void) {
    this.#worker = new Worker(join(__dirname, "flight-worker.cjs"), {
      workerData: { options },
      env: process.env,
    })
    this.#worker.on("message", (message: Message) => {
      if (message.id === undefined) onCrowd(message)
      else this.#settle(message.id, message)
    })
    this.#worker.on("error", ({ message: error }) => {
      for (const id of this.#waiting.keys()) this.#settle(id, { error })
    })
  }

  /** Starts a thread that declares the identity of `module`. */
  static async start(
    { name, namespace }: CacheModule,
    policy: Partial<CacheModuleOptions> = {},
    onCrowd: (message: Message) => void = () => {},
  ): Promise<Thread> {
    const thread = new Thread({ name, namespace, ...policy }, onCrowd)
    await thread.#call("ready")
    return thread
  }

  carryOut(removal: Removal): Promise<unknown> {
    return "delete" in removal ? this.#call("delete", removal.delete) : this.purge(removal.purge)
  }

  purge(selector: CachePurgeSelector): Promise<unknown> {
    return this.#call("purge", selector)
  }

  /** The body found for a string, or `undefined`. */
  matchString(url: string): Promise<unknown> {
    return this.#call("matchString", url)
  }

  putString(url: string, body: string, options?: CachePutOptions): Promise<unknown> {
    return this.#call("putString", url, body, options)
  }

  /** The body found for the `Request` that the thread knows by `name`, or `undefined`. */
  match(name: string, url: string): Promise<unknown> {
    return this.#call("match", name, url)
  }

  put(name: string, url: string, body: string, options?: CachePutOptions): Promise<unknown> {
    return this.#call("put", name, url, body, options)
  }

  /** So many handlers at once, begun when all `threads` have come to the gate. */
  crowd(url: string, callers: number, threads: number, gate: SharedArrayBuffer): Promise<unknown> {
    return this.#call("crowd", url, callers, threads, gate)
  }

  /** Ends the thread's builds with a body. */
  release(body: string): void {
    this.#worker.postMessage({ release: body })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #call(call: string, ...args: unknown[]): Promise<unknown> {
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
