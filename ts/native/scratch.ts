/**
 * The buffer in which answers and numbers cross. The addon writes to it, and it is read before the
 * next call; only copies leave the modules that import this one: `hit-path` and `results`.
 */

/** Bytes of the four words at the start of the buffer. */
export const WORDS_BYTES = 16

/** Up to this size a copy costs less than a handle. */
const BYTES = 32 * 1024

export const scratch = Buffer.allocUnsafeSlow(BYTES)

/** Of an answer: status, length of the head, length of the body, flags. */
export const words = new DataView(scratch.buffer)

/**
 * Status, lifetime, stale window, fence sequence of a miss, length of the body, and time. NaN means
 * none.
 */
export const numbers = new Float64Array(scratch.buffer, BYTES - 48, 6)

/** Index of the time in {@link numbers}. */
export const TIME = 5

/** The number that belongs to the outcome of the last call. */
export function takeNumber(): number {
  return words.getFloat64(0, true)
}

/** The field names that the last call asked for. */
export function takeFieldNames(): string[] {
  const length = words.getUint32(4, true)
  return scratch
    .toString("latin1", WORDS_BYTES, WORDS_BYTES + length)
    .trimEnd()
    .split("\n")
}
