import type { BindingAnswer } from "../../native.js"

/** Bytes copied at a time, so that a slow reader, or one that leaves, costs no more. */
const CHUNK_BYTES = 64 * 1024

/**
 * The body of a large answer in pieces. Each is copied when it is asked for; the stored response is
 * released after the last.
 */
export class Chunks {
  /** Bytes of the whole body. */
  readonly length: number
  readonly #handle: BindingAnswer
  #at = 0

  constructor(handle: BindingAnswer, length: number) {
    this.#handle = handle
    this.length = length
  }

  /** The next piece, of at most 64 KiB, or `undefined` at the end. The caller owns it. */
  next(): Uint8Array<ArrayBuffer> | undefined {
    const left = this.length - this.#at
    if (left === 0) return undefined
    const chunk = copied(this.#handle, this.#at, Math.min(left, CHUNK_BYTES))
    this.#at += chunk.length
    if (this.#at === this.length) this.#handle.release()
    return chunk
  }

  /** Releases the rest. */
  end(): void {
    this.#at = this.length
    this.#handle.release()
  }
}

/** Copies bytes of a body, from `from` on, into a buffer of their own. */
export function copied(
  handle: BindingAnswer,
  from: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  // Neither zeroed nor part of a shared pool.
  const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer)
  handle.copy(bytes, from)
  return bytes
}
