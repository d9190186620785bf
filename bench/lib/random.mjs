/** Random numbers that are the same in every run. */

/** Numbers from 0 to 1 (Mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Exponent of the Yahoo! Cloud Serving Benchmark. */
const EXPONENT = 0.99

/** Ranks from 0 to `count - 1` by Zipf's distribution. */
export function zipf(count, random) {
  const upTo = new Float64Array(count)
  let total = 0
  for (let rank = 0; rank < count; rank++) {
    total += 1 / (rank + 1) ** EXPONENT
    upTo[rank] = total
  }
  return () => firstAbove(upTo, random() * total)
}

function firstAbove(sorted, value) {
  let [low, high] = [0, sorted.length - 1]
  while (low < high) {
    const middle = (low + high) >> 1
    if (sorted[middle] > value) high = middle
    else low = middle + 1
  }
  return low
}
