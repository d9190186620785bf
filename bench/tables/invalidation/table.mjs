/** Cost of a purge by the number of entries removed and the number of entries stored. */
import { inChild } from "../../lib/child.mjs"
import { count } from "../../lib/format.mjs"
import { against, ratios } from "../../lib/rows.mjs"

const PURGES = new URL("purges.mjs", import.meta.url)

const LONG = { removed: 10_000, held: [20_000, 100_000, 1_000_000] }
const QUICK = { removed: 10_000, held: [20_000, 100_000] }

export default async function invalidation({ quick, rounds }) {
  const size = quick ? QUICK : LONG
  const stores = await inChild(PURGES, { ...size, rounds })
  const of = (contestant, held) =>
    stores.find((store) => store.contestant === contestant && store.count === held)
  const [least, ...more] = size.held
  const most = more.at(-1)

  const byHeld = ["tag", "prefix"].flatMap((how) =>
    more.map((held) =>
      against({
        what: `${count(size.removed)} of ${count(held)} by ${how}`,
        rival: `ours, of ${count(least)}`,
        unit: "ms",
        ours: of("ours", held)[how],
        theirs: of("ours", least)[how],
        target: how === "tag" && held === most ? "purge" : undefined,
      }),
    ),
  )
  const byRival = ["tag", "prefix"].flatMap((how) =>
    size.held.map((held) =>
      against({
        what: `${count(size.removed)} of ${count(held)} by ${how}`,
        rival: "lru-cache",
        unit: "ms",
        ours: of("ours", held)[how],
        theirs: of("lru-cache", held)[how],
      }),
    ),
  )
  return {
    title: "Invalidation",
    note: `Milliseconds of one purge of ${count(size.removed)} entries of 64 B with two tags. lru-cache has its tags in a Map of Sets and looks at all keys for a prefix.`,
    sections: [ratios("By what is held", byHeld), ratios("Against lru-cache", byRival)],
  }
}
