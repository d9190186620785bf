import type { Chunks } from "../native/chunks.js"

/** A response as a server writes it that makes no use of streams. */
export interface Whole {
  readonly status: number
  /** Names and values in turn. */
  readonly fields: string[]
  /** A string of one character for each byte, or the body in pieces where it is large. */
  readonly body: string | Chunks | null
}

/**
 * A method that takes a response as a whole and with it its body, or returns `undefined` where that
 * is read already or as a stream. In the global registry, because servers know it by its name.
 */
export const takeWhole = Symbol.for("@layeron/modules.takeWhole")
