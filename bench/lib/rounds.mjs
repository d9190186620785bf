/**
 * Runs contestants in turn, round by round, so that other load of the machine affects all of them.
 */

/** Most items prepared at once. More would be garbage that contestants pay for. */
const MOST_CALLS = 50_000

/**
 * A contestant has `call(item)`, which is timed; `prepare(count)`, which makes the items before;
 * optionally `clean(items)`, which restores the state afterwards; and `most`, the most items that
 * may be prepared at once.
 *
 * @returns for each contestant its microseconds per call, by round
 */
export async function inTurn(contestants, { rounds, warmUpMs, roundMs }) {
  const calls = []
  for (const contestant of contestants) calls.push(await warmUp(contestant, warmUpMs, roundMs))
  const times = contestants.map(() => [])
  for (let round = 0; round < rounds; round++) {
    // The second one may profit from caches that the first one has filled: they alternate.
    for (let turn = 0; turn < contestants.length; turn++) {
      const at = (round + turn) % contestants.length
      times[at].push(await time(contestants[at], calls[at]))
    }
  }
  return times
}

/** Calls it for some time. @returns the number of calls of one round */
async function warmUp(contestant, warmUpMs, roundMs) {
  const most = contestant.most ?? MOST_CALLS
  let count = 1
  let perCall = 0
  for (let spentMs = 0; spentMs < warmUpMs; count = Math.min(most, count * 2)) {
    perCall = await time(contestant, count)
    spentMs += (perCall * count) / 1_000
  }
  return Math.min(most, Math.max(1, Math.round((roundMs * 1_000) / perCall)))
}

/** Microseconds per call. */
async function time({ prepare, call, clean }, count) {
  const items = await prepare(count)
  // So that no measurement collects the garbage of another.
  globalThis.gc?.({ type: "minor" })
  const start = process.hrtime.bigint()
  for (const item of items) await call(item)
  const microseconds = Number(process.hrtime.bigint() - start) / 1_000
  await clean?.(items)
  return microseconds / count
}
