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
 * Calls with a seed that is new in every run, or that of `TEST_SEED` in the environment, and tells
 * it where it fails.
 */
export async function withSeed(call: (seed: number) => Promise<void>): Promise<void> {
  const seed = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)
  try {
    await call(seed)
  } catch (error) {
    throw new Error(`with TEST_SEED=${seed}`, { cause: error })
  }
}
