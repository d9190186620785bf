import { type ErrorCode, failure } from "./errors.js"
import * as native from "./native.js"
import { Waits } from "./waits.js"

const FAILED: ErrorCode = "LAYERON_STORAGE_FAILED"

/** What has been asked of the disk, by number. */
export class Tickets {
  readonly #waits = new Waits()

  /** For the addon, which tells by it which ticket is settled. */
  get ring(): (number: number) => void {
    return this.#waits.ring
  }

  /** Waits for what comes of a ticket. Rejects where it could not be done; `what` says what that was. */
  async settled(binding: native.BindingCache, ticket: number, what: string): Promise<number> {
    for (;;) {
      const outcome = this.#outcome(binding, ticket, what)
      if (outcome !== native.PENDING) return outcome
      await this.#waits.for(ticket)
    }
  }

  #outcome(binding: native.BindingCache, ticket: number, what: string): number {
    try {
      return binding.settled(ticket)
    } catch (error) {
      throw failure(FAILED, `${what} could not be kept: ${(error as Error).message}`)
    }
  }
}
