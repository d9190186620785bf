import type { Reader } from "../http/body.js"
import { setImmediate } from "../timers.js"
import type { Draft } from "./draft.js"

/** A draft whose body is being read. */
interface Unfinished {
  readonly draft: Draft
  readonly reader: Reader
  /** Its place among those of this turn; `undefined` once it is registered. */
  place: number | undefined
}

/**
 * Releases the drafts whose bodies never end: when their readers are collected. Readers are
 * registered after a turn of the event loop, because most bodies have ended by then, and
 * registering costs as much as a native call.
 */
export class UnfinishedDrafts {
  readonly #registry = new FinalizationRegistry<Draft>((draft) => draft.release())
  /** Those of this turn, in any order. An array, because hashing an object costs as much again. */
  #recent: Unfinished[] = []
  #isScheduled = false

  /** Adds a draft, until what it returns is deleted. */
  add(draft: Draft, reader: Reader): Unfinished {
    const unfinished = { draft, reader, place: this.#recent.length }
    this.#recent.push(unfinished)
    if (!this.#isScheduled) {
      this.#isScheduled = true
      setImmediate(() => this.#register())
    }
    return unfinished
  }

  delete(unfinished: Unfinished): void {
    const { place, draft } = unfinished
    if (place === undefined) {
      this.#registry.unregister(draft)
      return
    }
    const last = this.#recent.pop() as Unfinished
    if (last === unfinished) return
    this.#recent[place] = last
    last.place = place
  }

  #register(): void {
    this.#isScheduled = false
    for (const unfinished of this.#recent) {
      const { draft, reader } = unfinished
      this.#registry.register(reader, draft, draft)
      unfinished.place = undefined
    }
    this.#recent = []
  }
}
