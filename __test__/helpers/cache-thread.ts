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

/** A worker thread that declares a cache. Each call sets its clock to that of the test. */
export class Thread {
  readonly #worker: Worker
  readonly #waiting = new Map<
    number,
    { resolve(value: unknown): void; reject(error: Error): void }
  >()
  #calls = 0

  private constructor(options: CacheModuleOptions, onMessage: (message: Message) => void) {
    this.#worker = new Worker(join(__dirname, "cache-worker.cjs"), {
      workerData: { options },
      env: process.env,
    })
    this.#worker.on("message", (message: Message) => {
      if (message.id === undefined) onMessage(message)
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
    onMessage: (message: Message) => void = () => {},
  ): Promise<Thread> {
    const thread = new Thread({ name, namespace, ...policy }, onMessage)
    await thread.#call("ready")
    return thread
  }

  remove(removal: Removal): Promise<unknown> {
    return "delete" in removal ? this.#call("delete", removal.delete) : this.purge(removal.purge)
  }

  purge(selector: CachePurgeSelector): Promise<unknown> {
    return this.#call("purge", selector)
  }

  /** Matches a string and resolves to the body, or `undefined` on a miss. */
  matchString(url: string): Promise<unknown> {
    return this.#call("matchString", url)
  }

  putString(url: string, body: string, options?: CachePutOptions): Promise<unknown> {
    return this.#call("putString", url, body, options)
  }

  /** Matches the thread's `Request` called `name`; resolves to the body, or `undefined`. */
  match(name: string, url: string): Promise<unknown> {
    return this.#call("match", name, url)
  }

  put(name: string, url: string, body: string, options?: CachePutOptions): Promise<unknown> {
    return this.#call("put", name, url, body, options)
  }

  /** Starts `callers` handlers at once when `threads` threads have arrived at the barrier. */
  matchOrBuildConcurrently(
    url: string,
    callers: number,
    threads: number,
    barrier: SharedArrayBuffer,
  ): Promise<unknown> {
    return this.#call("matchOrBuildConcurrently", url, callers, threads, barrier)
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
