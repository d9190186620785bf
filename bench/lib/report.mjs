/** The results: as JSON with every round, and as Markdown. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "../../scripts/lib/run.mjs"
import { machine, machineText } from "./machine.mjs"
import { summaryText, tableText } from "./markdown.mjs"

const FOLDER = "bench/results"
const QUICK = "**Few and short rounds, for trying out: these figures say little.**"

export class Report {
  #settings
  #date = new Date().toISOString().slice(0, 10)
  #machine
  #tables = []

  static async begin(settings) {
    const report = new Report()
    report.#settings = settings
    report.#machine = await machine()
    console.log(report.#head())
    return report
  }

  /** @returns the table as Markdown */
  add(name, table, seconds) {
    this.#tables.push({ name, seconds: Math.round(seconds), ...table })
    return `\n${tableText(table)}`
  }

  /** @returns the text that replaces the table */
  addFailure(name, error) {
    return this.add(
      name,
      { title: name, note: `**Failed:** ${error.message.split("\n")[0]}`, sections: [] },
      0,
    )
  }

  summary() {
    return `\n${summaryText(this.#tables)}`
  }

  /** File name with the day. Partial runs also have the names of their tables. */
  get files() {
    const { isWhole, quick, tables } = this.#settings
    const name = [this.#date, ...(isWhole ? [] : tables), ...(quick ? ["quick"] : [])].join("-")
    return ["json", "md"].map((extension) => `${FOLDER}/${name}.${extension}`)
  }

  write() {
    mkdirSync(join(ROOT, FOLDER), { recursive: true })
    const [json, markdown] = this.files.map((file) => join(ROOT, file))
    const { quick, rounds } = this.#settings
    const all = { date: this.#date, quick, rounds, machine: this.#machine, tables: this.#tables }
    writeFileSync(json, `${JSON.stringify(all, shortened, 2)}\n`)
    writeFileSync(
      markdown,
      `${[this.#head(), this.summary(), ...this.#tables.map(tableText)].join("\n\n")}\n`,
    )
  }

  #head() {
    const title = `# Figures of ${this.#date}`
    return [title, ...(this.#settings.quick ? [QUICK] : []), machineText(this.#machine)].join(
      "\n\n",
    )
  }
}

/** Rounds to four significant digits: the others are noise. */
function shortened(_key, value) {
  return typeof value === "number" && !Number.isInteger(value)
    ? Number(value.toPrecision(4))
    : value
}
