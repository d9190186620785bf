/** Numbers that are the same in every run with the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    // 0 would be followed by nothing else.
    this.#state = (seed % 0x7ffffffe) + 1
  }

  /** A whole number from 0, less than `most`. */
  below(most: number): number {
    this.#state = (this.#state * 48_271) % 0x7fffffff
    return this.#state % most
  }
}

/**
 * The seeds that a random test runs with: the first `count` whole numbers from 1, or
 * `TEST_SEED_FACTOR` times as many, or `TEST_SEED` alone, if the environment has these variables.
 * They go into the title: `test.each(seeds(3))("… (seed %i)", async (seed) => …)`.
 */
export function seeds(count: number): number[] {
  const { TEST_SEED, TEST_SEED_FACTOR = "1" } = process.env
  if (TEST_SEED !== undefined) return [Number(TEST_SEED)]
  return Array.from({ length: count * Number(TEST_SEED_FACTOR) }, (_, index) => index + 1)
}
