/**
 * One call after the other in one process: cost of a hit, a miss, a put and a delete against other
 * caches.
 */
import { inChild } from "../../lib/child.mjs"
import { against, leftOut, ratios } from "../../lib/rows.mjs"
import { FLOOR, JUDGED, RIVALS } from "./rivals.mjs"

const CONTEST = new URL("contest.mjs", import.meta.url)

const LONG = { warmUpMs: 80, roundMs: 40 }
const QUICK = { warmUpMs: 40, roundMs: 15 }

const MATCH = operation("match to Response", "match")
const TEXT = operation("match to text()", "text")
const PARSED = operation("match to json()", "json")
const BUFFER = operation("match to arrayBuffer()", "buffer")
const PUT = operation("put", "put")

const EVERY = [
  { ...MATCH, target: "response" },
  { ...operation("match to headers.get()", "header"), target: "header" },
  { ...TEXT, target: "text" },
  PARSED,
  { ...operation("match to body as a stream", "stream"), target: "stream" },
  { ...operation("304", "not-modified"), target: "not-modified", judgedBy: [FLOOR] },
  operation("miss", "miss"),
  {
    what: "miss, against their hit",
    ours: "miss",
    theirs: "match",
    target: "miss",
    rivals: JUDGED,
  },
  { ...PUT, target: "put" },
  operation("delete", "delete"),
]
const SMALL = [MATCH, TEXT, PUT]
const LARGE = [MATCH, TEXT, { ...BUFFER, target: "large" }, PUT]

const SECTIONS = [
  { title: "1,000 entries of 2 KB", size: { entries: 1_000, bytes: 2_048 }, operations: EVERY },
  { title: "100,000 entries of 2 KB", size: { entries: 100_000, bytes: 2_048 }, operations: EVERY },
  { title: "1,000 entries of 64 B", size: { entries: 1_000, bytes: 64 }, operations: SMALL },
  { title: "1,000 entries of 64 KB", size: { entries: 1_000, bytes: 65_536 }, operations: LARGE },
  { title: "64 entries of 1 MB", size: { entries: 64, bytes: 1_048_576 }, operations: LARGE },
  {
    title: "1,000 entries of 2 KB with letters that are not ASCII",
    size: { entries: 1_000, bytes: 2_048, accents: true },
    operations: [MATCH, TEXT, PARSED],
    rivals: JUDGED,
  },
]

export default async function inProcess({ quick, rounds }) {
  const timing = { rounds, ...(quick ? QUICK : LONG) }
  const sections = []
  for (const section of SECTIONS) sections.push(await sectionOf(section, timing))
  return {
    title: "In process",
    note:
      "Microseconds per call. Keys are drawn by Zipf's law, bodies are JSON, responses have four headers. Each rival is alone with ours in a " +
      "process, and makes a Response with headers and body of what it has; `new Response` is the floor, a body without any cache.",
    sections,
  }
}

async function sectionOf({ title, size, operations, rivals = Object.keys(RIVALS) }, timing) {
  const rows = operations.map(() => [])
  for (const rival of rivals) {
    const asked = operations.filter((each) => each.rivals?.includes(rival) ?? true)
    const outcomes = await inChild(CONTEST, { rival, size, operations: asked, timing })
    for (const [at, each] of asked.entries()) {
      rows[operations.indexOf(each)].push(rowOf(each, rival, outcomes[at]))
    }
  }
  return ratios(title, rows.flat())
}

function rowOf({ what, target, judgedBy = JUDGED }, rival, { ours, theirs, because }) {
  if (because !== undefined) return leftOut({ what, rival, because })
  const judged = judgedBy.includes(rival) ? target : undefined
  return against({ what, rival, unit: "µs", ours, theirs, target: judged })
}

function operation(what, name) {
  return { what, ours: name, theirs: name }
}
