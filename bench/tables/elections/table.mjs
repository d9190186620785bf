/**
 * Cost of refresh leases for a hit: without leases, beside ten thousand of them, and on an entry
 * that is being refreshed.
 */
import { inChild } from "../../lib/child.mjs"
import { against, ratios } from "../../lib/rows.mjs"

const HITS = new URL("hits.mjs", import.meta.url)

const LONG = { warmUpMs: 100, roundMs: 60 }
const QUICK = { warmUpMs: 40, roundMs: 15 }

export default async function elections({ quick, rounds }) {
  const { none, beside, itself } = await inChild(HITS, { rounds, ...(quick ? QUICK : LONG) })
  const row = (what, ours) =>
    against({ what, rival: "a hit without elections", unit: "µs", ours, theirs: none })
  return {
    title: "Elections",
    note: "Microseconds per match to Response. An election is a caller that acquires the refresh lease of a stale entry.",
    sections: [
      ratios("Hits", [
        row("beside 10,000 elections", beside),
        row("on an entry with an election", itself),
      ]),
    ],
  }
}
