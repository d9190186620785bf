import { failure } from "../errors.js"

/** More than these nobody waits for at a time. */
const MAX = 1_000

/**
 * What wrapped handlers have thrown on this thread, by the number that the addon gives a failure:
 * who has waited gets the same.
 */
class Failures {
  readonly #thrown = new Map<number, unknown>()

  note(number: number, thrown: unknown): void {
    this.#thrown.set(number, thrown)
    const [oldest] = this.#thrown.keys()
    if (this.#thrown.size > MAX && oldest !== undefined) this.#thrown.delete(oldest)
  }

  /**
   * What is thrown for a failure. Of one of another thread only the message is known, and of one
   * for a request with credentials not even that.
   */
  thrown(number: number, message: string): unknown {
    if (this.#thrown.has(number)) return this.#thrown.get(number)
    const details = message === "" ? "" : `: ${message}`
    return failure("LAYERON_HANDLER_FAILED", `the handler has failed for another caller${details}`)
  }
}

export const failures = new Failures()
