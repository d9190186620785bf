/**
 * Work without memory accesses: the work that two threads do shows the share of a processor that
 * each has.
 */
const STEPS = 3_000

export async function open() {
  let state = 1
  return async () => {
    for (let step = 0; step < STEPS; step++)
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
    return state
  }
}
