/** Hit ratios on real traces, with room for a part of the entries. */
import { count, percent } from "../../lib/format.mjs"
import { figures, plain } from "../../lib/rows.mjs"
import { belady } from "./belady.mjs"
import { lru } from "./lru.mjs"
import { ours } from "./ours.mjs"
import { s3Fifo } from "./s3-fifo.mjs"
import { readTraces } from "./traces.mjs"

const SHARES = [0.01, 0.05, 0.2]
const COLUMNS = [
  "ours",
  "lru-cache",
  "S3-FIFO",
  "Belady",
  "above lru-cache",
  "above S3-FIFO",
  "ours held",
]
const TITLE = "Hit ratio"

export default async function hitRatio({ traces: folder }) {
  const traces = readTraces(folder)
  if (traces === undefined) {
    const note =
      "**Left out:** the traces were not found. Give their folder by `--traces FOLDER` or in `BENCH_TRACES`."
    return { title: TITLE, note, sections: [] }
  }
  const sections = []
  for (const trace of traces) sections.push(await sectionOf(trace))
  return {
    title: TITLE,
    note: "Percent of requests. All entries are of one size. Once is enough: the same requests hit in every run. Differences are in points.",
    sections,
  }
}

async function sectionOf({ name, keys, distinct }) {
  const rows = []
  for (const share of SHARES) {
    const capacity = Math.round(distinct * share)
    const { share: own, entries } = await ours(keys, capacity)
    const [recent, reference, best] = [lru, s3Fifo, belady].map((policy) => policy(keys, capacity))
    const points = { lru: (own - recent) * 100, "s3-fifo": (own - reference) * 100 }
    const cells = [
      ...[own, recent, reference, best].map(percent),
      ...Object.values(points).map((value) => value.toFixed(2)),
      count(entries),
    ]
    const judged = Object.entries(points).map(([target, figure]) => ({ target, figure }))
    rows.push(plain({ what: `${count(capacity)} entries (${share * 100} %)`, cells, judged }))
  }
  return figures(`${name}: ${count(keys.length)} requests for ${count(distinct)}`, COLUMNS, rows)
}
