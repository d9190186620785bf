import type { Reader } from "../http/body.js"
import { setImmediate } from "../timers.js"
import type { Draft } from "./draft.js"

/**
 * Releases the drafts whose bodies never end: when their readers are collected. Readers are
 * registered after a turn of the event loop, because most bodies have ended by then, and
 * registering costs as much as a native call.
 */
export class UnfinishedDrafts {
  readonly #registry = new FinalizationRegistry<Draft>((draft) => draft.release())
  /** Drafts of this turn, with their readers. */
  readonly #recent = new Map<Draft, Reader>()
  #isScheduled = false

  add(draft: Draft, reader: Reader): void {
    this.#recent.set(draft, reader)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#register())
  }

  delete(draft: Draft): void {
    if (!this.#recent.delete(draft)) this.#registry.unregister(draft)
  }

  #register(): void {
    this.#isScheduled = false
    for (const [draft, reader] of this.#recent) this.#registry.register(reader, draft, draft)
    this.#recent.clear()
  }
}
