import type { BindingAnswer } from "../../native.js"

/** Bytes that are copied at a time, so that a reader that is slow or goes away costs no more. */
const CHUNK_BYTES = 64 * 1024

/**
 * The body of a large answer in pieces. Each is copied when it is asked for; the stored response is
 * let go after the last.
 */
export class Chunks {
  /** Bytes of all of the body. */
  readonly length: number
  readonly #handle: BindingAnswer
  #at = 0

  constructor(handle: BindingAnswer, length: number) {
    this.#handle = handle
    this.length = length
  }

  /**
   * The next piece, of at most 64 KiB and the caller's own, or `undefined` where there is no more.
   */
  next(): Uint8Array<ArrayBuffer> | undefined {
    const left = this.length - this.#at
    if (left === 0) return undefined
    const chunk = copied(this.#handle, this.#at, Math.min(left, CHUNK_BYTES))
    this.#at += chunk.length
    if (this.#at === this.length) this.#handle.release()
    return chunk
  }

  /** Lets the rest go. */
  end(): void {
    this.#at = this.length
    this.#handle.release()
  }
}

/** So many bytes of a body from `from` on, in a buffer of their own. */
export function copied(
  handle: BindingAnswer,
  from: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  // Not zeroed before, nor part of a buffer that others have a part of.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer)
  handle.copy(bytes, from)
  return bytes
}
