import type { Chunks } from "../native/chunks.js"

/** A response for a server that uses no streams. */
export interface Whole {
  readonly status: number
  /** Names and values, alternating. */
  readonly fields: string[]
  /** A string of one character per byte, or pieces if the body is large. */
  readonly body: string | Chunks | null
}

/**
 * A method that takes a response with its body as a whole, or returns `undefined` if the body was
 * read or its stream was used. In the global registry, because servers know it by name.
 */
export const takeWhole = Symbol.for("@layeron/modules.takeWhole")
