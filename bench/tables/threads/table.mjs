/** Reads per second of one worker thread and of two. */
import { inChild } from "../../lib/child.mjs"
import { against, ratios } from "../../lib/rows.mjs"

const THREADS = new URL("threads.mjs", import.meta.url)

const LONG = { roundMs: 700 }
const QUICK = { roundMs: 200 }

const ROWS = [
  { name: "ours", what: "match to Response and text(), one instance", target: "threads" },
  { name: "ours-match", what: "match to Response, one instance", target: "threads" },
  { name: "lru-cache", what: "lru-cache, one for each thread: new Response and text()" },
  { name: "arithmetic", what: "arithmetic only, which is what this machine has to give" },
]

export default async function threads({ quick, rounds }) {
  const rows = []
  for (const { name, what, target } of ROWS) {
    const { one, two } = await inChild(THREADS, { name, rounds, ...(quick ? QUICK : LONG) })
    rows.push(
      against({ what, rival: "itself on one", unit: "k/s", ours: two, theirs: one, target }),
    )
  }
  return {
    title: "Threads",
    note: "Thousands of reads per second of 1,000 entries of 2 KB, drawn by Zipf's law: `ours` is with two threads, `theirs` with one.",
    sections: [ratios("Two worker threads against one", rows)],
  }
}
