import { clearInterval, setImmediate, setInterval } from "node:timers"
import type { BindingCache } from "./native.js"
import { warnOfDisk } from "./warnings.js"

const INTERVAL_MS = 1_000

/**
 * Frees expired entries of the instances that this thread has declared: once a second, in portions that hold nobody up, until none is
 * left. Looks as often whether something is wrong with their disks. The timer keeps no process alive. It runs in JavaScript because
 * `Date.now()` decides what has expired, and a test may move it; `node:timers` because the timer itself must not stand still with it.
 */
class Sweeper {
  readonly #watched = new Map<WeakRef<BindingCache>, string>()
  #timer: NodeJS.Timeout | undefined

  /** Watches an instance until it is closed or collected. */
  watch(identity: string, cache: BindingCache): void {
    warnOfDisk(identity, cache.takeWarning())
    this.#watched.set(new WeakRef(cache), identity)
    this.#timer ??= setInterval(() => this.#sweep(), INTERVAL_MS).unref()
  }

  #sweep(): void {
    const now = Date.now()
    let more = false
    for (const [reference, identity] of this.#watched) {
      const cache = reference.deref()
      if (cache === undefined || cache.isClosed()) this.#watched.delete(reference)
      else {
        more = cache.sweep(now) || more
        warnOfDisk(identity, cache.takeWarning())
      }
    }
    if (more) setImmediate(() => this.#sweep()).unref()
    if (this.#watched.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }
}

export const sweeper = new Sweeper()
