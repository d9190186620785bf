/** Pseudo-random number generator: the same seed gives the same numbers. */
export class Random {
  #state: number

  constructor(seed: number) {
    // The state 0 would produce zeros only.
    this.#state = (seed % 0x7ffffffe) + 1
  }

  /** Returns an integer from 0 to `max` - 1. */
  below(max: number): number {
    this.#state = (this.#state * 48_271) % 0x7fffffff
    return this.#state % max
  }
}

/**
 * Returns the seeds of a random test: the integers from 1 to `count`. The environment variable
 * `TEST_SEED_FACTOR` multiplies `count`; `TEST_SEED` replaces all seeds by one.
 * Usage: `test.each(seeds(3))("… (seed %i)", async (seed) => …)`.
 */
export function seeds(count: number): number[] {
  const { TEST_SEED, TEST_SEED_FACTOR = "1" } = process.env
  if (TEST_SEED !== undefined) return [Number(TEST_SEED)]
  return Array.from({ length: count * Number(TEST_SEED_FACTOR) }, (_, index) => index + 1)
}
