import { clearInterval, setInterval } from "node:timers"
import type { BindingCache } from "./native.js"

const INTERVAL_MS = 1_000

/**
 * Frees expired entries of this thread's instances, once a second and a bounded number at a time, as long as they hold any. The
 * timer keeps no process alive. It runs in JavaScript because `Date.now()` decides what has expired, and a test may move it;
 * `node:timers` because the timer itself must not stand still with it.
 */
class Sweeper {
  readonly #caches = new Set<WeakRef<BindingCache>>()
  #timer: NodeJS.Timeout | undefined

  watch(cache: BindingCache): WeakRef<BindingCache> {
    const watched = new WeakRef(cache)
    this.wake(watched)
    return watched
  }

  /** Called when an instance has got an entry. */
  wake(watched: WeakRef<BindingCache>): void {
    this.#caches.add(watched)
    this.#timer ??= setInterval(() => this.#sweep(), INTERVAL_MS).unref()
  }

  #sweep(): void {
    const now = Date.now()
    for (const watched of this.#caches) {
      if (watched.deref()?.sweep(now) !== true) this.#caches.delete(watched)
    }
    if (this.#caches.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }
}

export const sweeper = new Sweeper()
