import { type ErrorCode, failure } from "../errors.js"
import * as native from "./addon.js"
import { Waits } from "./waits.js"

/** A disk is worked on by another thread, which takes as long as it takes. */
const KEEP_ALIVE_MS = 2 ** 30

const FAILED: ErrorCode = "LAYERON_STORAGE_FAILED"

/** What has been asked of the disk, by number. */
export class Tickets {
  readonly #waits = new Waits()
  /**
   * What is waited for, by all who do. They go on in the order in which they came, one right after
   * the other.
   */
  readonly #awaited = new Map<number, Promise<number>>()

  /** For the addon, which tells by it which ticket is settled. */
  get ring(): (number: number) => void {
    return this.#waits.ring
  }

  /**
   * Waits for what comes of a ticket, for at most `patience` milliseconds: then nothing has.
   * Rejects where it could not be done; `what` says what that was.
   */
  settled(
    binding: native.BindingCache,
    ticket: number,
    what: string,
    patience?: number,
  ): Promise<number> {
    const known = this.#awaited.get(ticket)
    if (known !== undefined) return known
    const settled = this.#settled(binding, ticket, what, patience)
    const outcome = settled.finally(() => this.#awaited.delete(ticket))
    this.#awaited.set(ticket, outcome)
    return outcome
  }

  async #settled(
    binding: native.BindingCache,
    ticket: number,
    what: string,
    patience?: number,
  ): Promise<number> {
    for (;;) {
      const outcome = this.#outcome(binding, ticket, what)
      if (outcome !== native.PENDING) return outcome
      if (await this.#waits.for(ticket, { timeoutMs: patience, keepAliveMs: KEEP_ALIVE_MS }))
        continue
      binding.dropTicket(ticket)
      return 0
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
