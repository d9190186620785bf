/**
 * The disk below memory: its cost for hits in memory, and its speed against other caches on disk.
 */
import { isBuiltin } from "node:module"
import { inChild } from "../../lib/child.mjs"
import { count, megabytes, number } from "../../lib/format.mjs"
import { against, figures, leftOut, plain, ratios } from "../../lib/rows.mjs"
import { spreadOf } from "../../lib/statistics.mjs"
import { NEEDS_SQLITE, OURS, RIVALS } from "./contestants.mjs"
import { inFolder } from "./folders.mjs"
import { startsOf } from "./starts.mjs"

const LAYERS = new URL("layers.mjs", import.meta.url)
const CONTEST = new URL("contest.mjs", import.meta.url)
const PURGES = new URL("purges.mjs", import.meta.url)

const LONG = {
  timing: { warmUpMs: 300, roundMs: 150 },
  entries: 20_000,
  purge: { removed: 10_000, held: 100_000 },
  start: { most: 1_000_000, beside: 100_000 },
}
const QUICK = {
  timing: { warmUpMs: 40, roundMs: 20 },
  entries: 5_000,
  purge: { removed: 2_000, held: 20_000 },
  start: { most: 50_000, beside: 10_000 },
}

const NO_TAGS = "it knows no tags, and removes one URL at a time"

export default async function storage({ quick, rounds, sqliteNode }) {
  const size = quick ? QUICK : LONG
  const timing = { ...size.timing, rounds }
  const nodes = { [NEEDS_SQLITE]: isBuiltin("node:sqlite") ? process.execPath : sqliteNode }
  const rivals = Object.keys(RIVALS).map((rival) => {
    const node = rival in nodes ? nodes[rival] : process.execPath
    return node === undefined ? { rival, because: WITHOUT_SQLITE } : { rival, node }
  })
  return {
    title: "Storage",
    note:
      "Bodies are JSON, responses have four headers and two tags. Ours writes behind its puts; a purge of ours has come to the disk (`fsync`) before it " +
      "resolves, of the others nothing has. What was written lately is in the system's memory, for all alike: no figure is of a disk's own speed." +
      (nodes[NEEDS_SQLITE] === sqliteNode && sqliteNode !== undefined
        ? " Rows beside SqliteCacheStore are by the Node of `--sqlite-node`, both sides."
        : ""),
    sections: [
      await layersSection(timing),
      await contestSection(rivals, size.entries, timing),
      await purgeSection(size.purge, rounds),
      ...(await startSections(rivals, size.start, rounds)),
    ],
  }
}

const WITHOUT_SQLITE = `Node ${process.versions.node} has no \`node:sqlite\`, and \`--sqlite-node\` names none that has`

async function layersSection(timing) {
  const { match, text, put, written } = await inFolder((folder) =>
    inChild(LAYERS, { folder, timing }),
  )
  const row = (what, { disk, memory }, target) =>
    against({ what, rival: "ours without", unit: "µs", ours: disk, theirs: memory, target })
  return ratios("With a disk under it, against memory alone: entries of 2 KB that are in memory", [
    row("match to Response", match, "disk-hit"),
    row("match to text()", text, "disk-hit"),
    row("put, as its caller sees it", put),
    row("put, until it is on the disk", written),
  ])
}

async function contestSection(rivals, entries, timing) {
  const operations = {
    text: "match to text()",
    together: "match to text(), 64 at a time, each",
    written: "put, until it is on the disk",
  }
  const rows = Object.values(operations).map(() => [])
  for (const { rival, node, because } of rivals) {
    const outcomes =
      because === undefined
        ? await inFolder((folder) => inChild(CONTEST, { rival, folder, entries, timing }, { node }))
        : undefined
    for (const [at, [name, what]] of Object.entries(operations).entries()) {
      rows[at].push(
        outcomes === undefined
          ? leftOut({ what, rival, because })
          : against({ what, rival, unit: "µs", ...outcomes[name] }),
      )
    }
  }
  return ratios(
    `From the disk: ${count(entries)} entries of 2 KB, hardly any in memory`,
    rows.flat(),
  )
}

async function purgeSection({ removed, held }, rounds) {
  const what = `${count(removed)} of ${count(held)} by one tag`
  const contestants = [
    { name: OURS, onDisk: true },
    { name: OURS, onDisk: false },
    { name: RIVALS["BentoCache, files"], onDisk: true },
  ]
  const [ours, inMemory, bento] = await inFolder((folder) =>
    inChild(PURGES, { contestants, folder, removed, held, rounds }),
  )
  return ratios(
    "Purges",
    [
      against({ what, rival: "ours without a disk", unit: "ms", ours, theirs: inMemory }),
      against({ what, rival: "BentoCache, files", unit: "ms", ours, theirs: bento }),
      leftOut({ what, rival: NEEDS_SQLITE, because: NO_TAGS }),
    ],
    "Entries of 512 B. BentoCache removes nothing: it writes a file that tells since when the tag does not count, and every later read looks at the " +
      "files of its entry's tags.",
  )
}

async function startSections(rivals, { most, beside }, rounds) {
  const there = rivals.filter(({ because }) => because === undefined)
  const [full, ...few] = await startsOf(
    [
      { name: OURS, entries: most },
      { name: OURS, entries: beside },
      ...there.map(({ rival, node }) => ({ name: RIVALS[rival], entries: beside, node })),
    ],
    rounds,
  )
  const [ours, ...theirs] = few
  const what = `first hit out of ${count(beside)}`
  const rows = rivals.map(({ rival, because }) =>
    because === undefined
      ? against({ what, rival, unit: "ms", ours: ours.ms, theirs: theirs[at(there, rival)].ms })
      : leftOut({ what, rival, because }),
  )
  const cells = ({ ms, bytes, seconds }, entries) => {
    const { median, low, high } = spreadOf(ms)
    const size = `${megabytes(bytes)}, ${count(Math.round(bytes / entries))} B an entry`
    return [
      `${number(median)} ms`,
      `${number(low)} to ${number(high)} ms`,
      size,
      `${number(seconds)} s`,
    ]
  }
  const row = (who, start, entries, target) =>
    plain({
      what: `${who}, ${count(entries)}`,
      cells: cells(start, entries),
      judged: target === undefined ? [] : [{ target, figure: spreadOf(start.ms).median }],
    })
  return [
    ratios(
      "A process that begins with what is there",
      rows,
      "Milliseconds from `cache()`, or what opens the rival, until a first hit is read; the modules are loaded before. Entries of 512 B.",
    ),
    figures(
      "Starts and sizes by themselves",
      ["first hit", "quartiles", "on the disk", "filled in"],
      [
        row("ours", full, most, "start"),
        row("ours", ours, beside),
        ...there.map(({ rival }, index) => row(rival, theirs[index], beside)),
      ],
    ),
  ]
}

function at(rivals, name) {
  return rivals.findIndex(({ rival }) => rival === name)
}
