import { clearInterval, setInterval } from "node:timers"
import type { BindingCache } from "./native.js"

const INTERVAL_MS = 1_000

/**
 * Frees expired entries of this thread's instances, once a second and a bounded number at a time, as long as they hold any. The
 * timer keeps no process alive. It runs in JavaScript because `Date.now()` decides what has expired, and a test may move it;
 * `node:timers` because the timer itself must not stand still with it.
 */
class Sweeper {
  readonly #references = new WeakMap<BindingCache, WeakRef<BindingCache>>()
  readonly #watched = new Set<WeakRef<BindingCache>>()
  #timer: NodeJS.Timeout | undefined

  /** Watches an instance that has, or is about to have, entries. */
  watch(cache: BindingCache): void {
    const reference = this.#references.get(cache) ?? new WeakRef(cache)
    this.#references.set(cache, reference)
    this.#watched.add(reference)
    this.#timer ??= setInterval(() => this.#sweep(), INTERVAL_MS).unref()
  }

  #sweep(): void {
    const now = Date.now()
    for (const reference of this.#watched) {
      if (reference.deref()?.sweep(now) !== true) this.#watched.delete(reference)
    }
    if (this.#watched.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }
}

export const sweeper = new Sweeper()
