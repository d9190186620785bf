import { clearInterval, setImmediate, setInterval } from "node:timers"
import { type BindingCache, BindingSweeper } from "./native.js"
import { warnOfDisk } from "./warnings.js"

const INTERVAL_MS = 1_000

/**
 * Frees expired entries of the instances that this thread has declared: once a second, in portions that hold nobody up, until none is
 * left. Looks as often whether something is wrong with their disks. The timer keeps no process alive. It runs in JavaScript because
 * `Date.now()` decides what has expired, and a test may move it; `node:timers` because the timer itself must not stand still with it.
 */
class Sweeper {
  readonly #binding = new BindingSweeper()
  #timer: NodeJS.Timeout | undefined

  /** Watches an instance until it ends. */
  watch(identity: string, cache: BindingCache): void {
    warnOfDisk(identity, cache.takeWarning())
    this.#binding.watch(cache)
    this.#timer ??= setInterval(() => this.#sweep(), INTERVAL_MS).unref()
  }

  #sweep(): void {
    const { more, watched, warnings } = this.#binding.sweep(Date.now())
    for (const { identity, message } of warnings) warnOfDisk(identity, message)
    if (more) setImmediate(() => this.#sweep()).unref()
    if (watched > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

export const sweeper = new Sweeper()
