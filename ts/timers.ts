import * as timers from "node:timers"

/**
 * Node's timers as they were when the package was loaded, for work that must go on where a test
 * replaces timers. Code that a test may want to advance uses the global ones.
 */
export const { clearTimeout, setImmediate, setTimeout } = timers

/**
 * A timer that keeps no process alive, by the global `setTimeout`, so that a test can advance it. A
 * replaced `setTimeout` may throw or return anything: the timer is then a real one, and errors of
 * its methods are ignored.
 */
export class BackgroundTimer {
  readonly #timer: NodeJS.Timeout | undefined

  /** @param ms milliseconds until `expire` is called */
  constructor(expire: () => void, ms: number) {
    this.#timer = attempt(
      () => globalThis.setTimeout(expire, ms),
      () => timers.setTimeout(expire, ms),
    )
    attempt(() => this.#timer?.unref?.())
  }

  /** Restarts the timer. */
  refresh(): void {
    attempt(() => this.#timer?.refresh?.())
  }

  /** Stops the timer. */
  stop(): void {
    attempt(() => globalThis.clearTimeout(this.#timer))
  }
}

function attempt<T>(work: () => T, otherwise?: () => T): T | undefined {
  try {
    return work()
  } catch {
    return otherwise?.()
  }
}
