import { type ErrorCode, failure } from "../errors.js"
import * as native from "./addon.js"
import { Waits } from "./waits.js"

/** A disk is worked on by another thread, which takes as long as it takes. */
const KEEP_ALIVE_MS = 2 ** 30

/** Error codes by the codes of the addon. */
const CODES: Record<string, ErrorCode> = {
  busy: "LAYERON_STORAGE_BUSY",
  full: "LAYERON_STORAGE_FULL",
  damaged: "LAYERON_STORAGE_DAMAGED",
  incompatible: "LAYERON_STORAGE_INCOMPATIBLE",
  closed: "LAYERON_CLOSED",
}

/** What has been asked of the disk, by number. */
export class Completions {
  readonly #waits = new Waits()
  /**
   * What is waited for, by all who do. They go on in the order in which they came, one right after
   * the other.
   */
  readonly #awaited = new Map<number, Promise<number>>()

  /** For the addon, which tells by it which ticket is completed. */
  get notify(): (number: number) => void {
    return this.#waits.notify
  }

  /**
   * Waits for what comes of a ticket, for at most `timeout` milliseconds: then nothing has.
   * Rejects where it could not be done; `what` says what that was.
   */
  completed(
    binding: native.BindingCache,
    ticket: number,
    what: string,
    timeout?: number,
  ): Promise<number> {
    const known = this.#awaited.get(ticket)
    if (known !== undefined) return known
    const completed = this.#completed(binding, ticket, what, timeout)
    const outcome = completed.finally(() => this.#awaited.delete(ticket))
    this.#awaited.set(ticket, outcome)
    return outcome
  }

  async #completed(
    binding: native.BindingCache,
    ticket: number,
    what: string,
    timeout?: number,
  ): Promise<number> {
    for (;;) {
      const outcome = this.#outcome(binding, ticket, what)
      if (outcome !== native.PENDING) return outcome
      if (await this.#waits.for(ticket, { timeoutMs: timeout, keepAliveMs: KEEP_ALIVE_MS }))
        continue
      binding.dropCompletion(ticket)
      return 0
    }
  }

  #outcome(binding: native.BindingCache, ticket: number, what: string): number {
    try {
      return binding.completed(ticket)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw failure(
        CODES[code ?? ""] ?? "LAYERON_STORAGE_FAILED",
        `${what} could not be stored on disk: ${message}`,
      )
    }
  }
}
