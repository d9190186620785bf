/** Bytes of a body where single calls are timed. */
export const BYTES = 2_048
