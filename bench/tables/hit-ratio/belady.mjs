/**
 * Belady's optimum: evicts the entry that is not needed for the longest time. No policy without
 * knowledge of the future does better.
 */

/** @returns the hit ratio */
export function belady(keys, capacity) {
  const next = nextRequests(keys)
  /** When each entry is needed next. */
  const kept = new Map()
  const farthest = new Farthest()
  let hits = 0
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at]
    if (kept.has(key)) hits++
    else if (kept.size >= capacity) {
      // An entry that was used since has a later pair in the heap.
      let [key, time] = farthest.take()
      while (kept.get(key) !== time) [key, time] = farthest.take()
      kept.delete(key)
    }
    kept.set(key, next[at])
    farthest.add([key, next[at]])
  }
  return hits / keys.length
}

/**
 * When the key of each request is requested next. Keys that are not requested again have distinct
 * times.
 */
function nextRequests(keys) {
  const next = new Float64Array(keys.length)
  const seen = new Map()
  for (let at = keys.length - 1; at >= 0; at--) {
    next[at] = seen.get(keys[at]) ?? keys.length + at
    seen.set(keys[at], at)
  }
  return next
}

/** A heap of pairs of a key and a time. */
class Farthest {
  #pairs = []

  add(pair) {
    const pairs = this.#pairs
    let at = pairs.length
    while (at > 0) {
      const above = (at - 1) >> 1
      if (pairs[above][1] >= pair[1]) break
      pairs[at] = pairs[above]
      at = above
    }
    pairs[at] = pair
  }

  /** Removes the pair with the latest time. */
  take() {
    const pairs = this.#pairs
    const [top] = pairs
    const last = pairs.pop()
    if (pairs.length > 0) this.#sink(last)
    return top
  }

  #sink(pair) {
    const pairs = this.#pairs
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= pairs.length) break
      if (below + 1 < pairs.length && pairs[below + 1][1] > pairs[below][1]) below++
      if (pairs[below][1] <= pair[1]) break
      pairs[at] = pairs[below]
      at = below
    }
    pairs[at] = pair
  }
}
