/**
 * A million entries: their memory, and the delays of the event loop while they are read and
 * written.
 */
import { inChild } from "../../lib/child.mjs"
import { count, number, percent } from "../../lib/format.mjs"
import { against, figures, plain, ratios } from "../../lib/rows.mjs"
import { spreadOf } from "../../lib/statistics.mjs"

const LIFE = new URL("life.mjs", import.meta.url)
const CONTESTANTS = ["ours", "lru-cache"]

const LONG = { entries: 1_000_000, seconds: 20 }
const QUICK = { entries: 100_000, seconds: 4 }

export default async function scale({ quick, rounds }) {
  const size = quick ? QUICK : LONG
  const lives = { ours: [], "lru-cache": [] }
  for (let round = 0; round < rounds; round++) {
    for (const contestant of CONTESTANTS) {
      lives[contestant].push(await inChild(LIFE, { contestant, ...size }))
    }
  }
  return {
    title: `Scale: ${count(size.entries)} entries`,
    note:
      `Bodies of 512 B, two tags each; then ${size.seconds} s of 80 % reads and 20 % writes, half of these under new keys, ten operations to a turn of the ` +
      "event loop. Every contestant and round has a process of its own. Both are bounded to that number of entries, ours by the bytes that they take. " +
      "Garbage is collected before memory is measured.",
    sections: [compared(lives), alone(lives), weighed(lives.ours)],
  }
}

function compared(lives) {
  const row = (what, name, unit, target) => {
    const size = unit === "MB" ? 1e6 : 1
    const [ours, theirs] = CONTESTANTS.map((contestant) =>
      lives[contestant].map((life) => life[name] / size),
    )
    return against({ what, rival: "lru-cache", unit, ours, theirs, target })
  }
  return ratios("Against lru-cache", [
    row("longest stall of the event loop", "stallMs", "ms", "stall"),
    row("99.9 % of turns take at most", "turn999Ms", "ms"),
    row("99.9 % of reads take at most", "read999Ms", "ms"),
    row("operations per second", "operationsPerSecond", "/s"),
    row("RSS after filling", "rssFilled", "MB", "rss"),
    row("RSS after reads and writes", "rssChurned", "MB", "rss"),
    row("bytes per entry beyond key, headers and body, by RSS", "overheadByRss", "B"),
  ])
}

/** Rows without a ratio. */
function alone(lives) {
  const middle = (contestant, name) => spreadOf(lives[contestant].map((life) => life[name])).median
  const row = (what, name, text) =>
    plain({ what, cells: CONTESTANTS.map((contestant) => text(middle(contestant, name))) })
  return figures("Each by itself", CONTESTANTS, [
    row("share of time in garbage collection", "collectionShare", percent),
    row("longest garbage collection", "longestCollectionMs", (ms) => `${number(ms)} ms`),
    row("median turn of the event loop", "turnMs", (ms) => `${number(ms)} ms`),
    row("entries after filling", "entriesFilled", count),
    row("entries after reads and writes", "entriesChurned", count),
    row("share of reads that hit", "hitShare", percent),
    row("bytes of key, headers and body", "payloadBytes", number),
  ])
}

function weighed(lives) {
  const row = (what, name) => {
    const { median, min, max } = spreadOf(lives.map((life) => life[name]))
    const cells = [`${number(median)} B`, `${number(min)} to ${number(max)}`]
    return plain({ what, cells, judged: [{ target: "overhead", figure: median }] })
  }
  return figures(
    "Ours: bytes per entry beyond key, headers and body",
    ["median", "least and most"],
    [
      row("as the process grows (RSS)", "overheadByRss"),
      row("as the cache counts (inspect().bytes)", "overheadCounted"),
    ],
  )
}
