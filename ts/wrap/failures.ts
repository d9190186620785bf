import { CacheError } from "../errors.js"

/** Failures remembered at most. */
const MAX = 1_000

/**
 * Errors thrown by wrapped handlers of this thread, by number of the failure: waiters receive the
 * same error.
 */
class Failures {
  readonly #thrown = new Map<number, unknown>()

  note(number: number, thrown: unknown): void {
    this.#thrown.set(number, thrown)
    const [oldest] = this.#thrown.keys()
    if (this.#thrown.size > MAX && oldest !== undefined) this.#thrown.delete(oldest)
  }

  /**
   * The error for a failure. Of a failure on another thread only the message is known; of one for a
   * request with credentials not even that.
   */
  thrown(number: number, message: string): unknown {
    if (this.#thrown.has(number)) return this.#thrown.get(number)
    const details = message === "" ? "" : `: ${message}`
    return new CacheError(
      "LAYERON_HANDLER_FAILED",
      `the handler has failed for another caller${details}`,
    )
  }
}

export const failures = new Failures()
