/** Arguments of the command. */
import { join } from "node:path"
import { parseArgs } from "node:util"
import { ROOT } from "../../scripts/lib/run.mjs"

/** Least number of rounds of a table; each table has its own length of a round. */
const ROUNDS = 7
const QUICK_ROUNDS = 3

const OPTIONS = {
  quick: { type: "boolean", default: false },
  traces: { type: "string" },
  "sqlite-node": { type: "string" },
}

/** @throws Error for an unknown table */
export function readSettings(args, known) {
  const { values, positionals } = parseArgs({ args, options: OPTIONS, allowPositionals: true })
  const unknown = positionals.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new Error(`There is no table ${unknown}, only ${known.join(", ")}.`)
  return {
    tables: positionals.length > 0 ? known.filter((name) => positionals.includes(name)) : known,
    isWhole: positionals.length === 0,
    quick: values.quick,
    rounds: values.quick ? QUICK_ROUNDS : ROUNDS,
    traces: values.traces ?? process.env.BENCH_TRACES ?? join(ROOT, "../shared/traces"),
    sqliteNode: values["sqlite-node"] ?? process.env.BENCH_SQLITE_NODE,
  }
}
