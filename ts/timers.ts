import * as timers from "node:timers"

/**
 * Timers of Node as they were when the package was loaded. They are for what must not stand still
 * where a test replaces timers; what a test may want to move along uses the global ones.
 */
export const { clearTimeout, setImmediate, setTimeout } = timers

/**
 * A timer that keeps no process alive, by the global `setTimeout`, so that a test can move it
 * along. What a test has put there may throw or return anything: a timer that cannot be made that
 * way is a real one, and nothing that its methods throw reaches anyone.
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

  /** Begins to wait anew. */
  refresh(): void {
    attempt(() => this.#timer?.refresh?.())
  }

  /** Waits no longer. */
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
