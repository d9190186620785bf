import { warnOfDisk } from "../warnings.js"
import { type BindingCache, BindingSweeper, BindingTicker } from "./addon.js"

/**
 * Removes expired entries of the instances that this thread has declared: once a second, in
 * portions that delay the event loop little. Also reports errors of their disks. It runs in
 * JavaScript because `Date.now()` decides what has expired, and a test may replace it; the addon
 * calls it, because a test may replace timers. Keeps no process alive.
 */
class Sweeper {
  readonly #binding = new BindingSweeper()
  #ticker: BindingTicker | undefined

  /** Watches an instance until it ends. */
  watch(cache: BindingCache): void {
    const warning = cache.takeWarning()
    if (warning !== null) warnOfDisk(warning)
    this.#binding.watch(cache)
    this.#ticker ??= new BindingTicker(() => this.#sweep())
  }

  #sweep(): void {
    const { more, watched, warnings } = this.#binding.sweep(Date.now())
    for (const warning of warnings) warnOfDisk(warning)
    if (more) this.#ticker?.soon()
    if (watched > 0) return
    this.#ticker?.stop()
    this.#ticker = undefined
  }
}

export const sweeper = new Sweeper()
