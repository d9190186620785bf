import { CacheError, type FailureCode } from "../errors.js"
import type * as native from "./addon.js"
import { completionResult } from "./results.js"
import { Waits } from "./waits.js"

/** Another thread works on a disk, for an unknown time. */
const KEEP_ALIVE_MS = 2 ** 30

/** Error codes by the codes of the addon. */
const CODES: Record<string, FailureCode> = {
  busy: "LAYERON_STORAGE_BUSY",
  full: "LAYERON_STORAGE_FULL",
  damaged: "LAYERON_STORAGE_DAMAGED",
  incompatible: "LAYERON_STORAGE_INCOMPATIBLE",
  closed: "LAYERON_CLOSED",
}

/** Completions of disk operations, by number. */
export class Completions {
  readonly #waits = new Waits()
  /**
   * Pending completions, shared by all callers that wait. They continue in the order in which they
   * came.
   */
  readonly #awaited = new Map<number, Promise<number>>()

  /** Called by the addon with the number of a completion that is done. */
  get notify(): (number: number) => void {
    return this.#waits.notify
  }

  /**
   * Waits for a completion, for at most `timeout` milliseconds, and resolves to 0 after that.
   * Rejects if the operation failed; `what` names it.
   */
  completed(
    binding: native.BindingCache,
    completion: number,
    what: string,
    timeout?: number,
  ): Promise<number> {
    const known = this.#awaited.get(completion)
    if (known !== undefined) return known
    const completed = this.#completed(binding, completion, what, timeout)
    const outcome = completed.finally(() => this.#awaited.delete(completion))
    this.#awaited.set(completion, outcome)
    return outcome
  }

  async #completed(
    binding: native.BindingCache,
    completion: number,
    what: string,
    timeout?: number,
  ): Promise<number> {
    for (;;) {
      const result = this.#result(binding, completion, what)
      if (result.kind === "done") return result.entries
      if (await this.#waits.for(completion, { timeoutMs: timeout, keepAliveMs: KEEP_ALIVE_MS }))
        continue
      binding.dropCompletion(completion)
      return 0
    }
  }

  #result(
    binding: native.BindingCache,
    completion: number,
    what: string,
  ): ReturnType<typeof completionResult> {
    try {
      return completionResult(binding, completion)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      throw new CacheError(
        CODES[code ?? ""] ?? "LAYERON_STORAGE_FAILED",
        `${what} could not be stored on disk: ${message}`,
      )
    }
  }
}
