/** Bytes of a body where one call after the other is timed. */
export const BYTES = 2_048
