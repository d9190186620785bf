import { type BindingCache, BindingTicker } from "./native.js"
import { warnOfDisk } from "./warnings.js"

/**
 * Frees expired entries of the instances that this thread has declared: once a second, in portions that hold nobody up, until none is
 * left. Looks as often whether something is wrong with their disks. It runs in JavaScript because `Date.now()` decides what has expired,
 * and a test may move it; the addon calls it, and no timer, because a test may replace those, and one that was set meanwhile is lost. Keeps no
 * process alive.
 */
class Sweeper {
  readonly #watched = new Map<WeakRef<BindingCache>, string>()
  #ticker: BindingTicker | undefined

  /** Watches an instance until it is closed or collected. */
  watch(identity: string, cache: BindingCache): void {
    warnOfDisk(identity, cache.takeWarning())
    this.#watched.set(new WeakRef(cache), identity)
    this.#ticker ??= new BindingTicker(() => this.#sweep())
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
    if (more) this.#ticker?.soon()
    if (this.#watched.size === 0) {
      this.#ticker?.stop()
      this.#ticker = undefined
    }
  }
}

export const sweeper = new Sweeper()
