/**
 * `npm run bench`: runs every table, or the named ones, and writes the results.
 *
 *     npm run bench -- [--quick] [--traces FOLDER] [--sqlite-node FILE] [TABLE…]
 */
import { main, step } from "../scripts/lib/steps.mjs"
import { installRivals } from "./lib/install.mjs"
import { Report } from "./lib/report.mjs"
import { readSettings } from "./lib/settings.mjs"
import { TABLES } from "./tables.mjs"

await main(async () => {
  const settings = readSettings(process.argv.slice(2), Object.keys(TABLES))
  await step("rivals", installRivals)
  const report = await Report.begin(settings)
  const failures = []
  for (const name of settings.tables) {
    const began = performance.now()
    console.log(`\n${name} …`)
    try {
      const { default: table } = await TABLES[name]()
      console.log(report.add(name, await table(settings), (performance.now() - began) / 1_000))
    } catch (error) {
      // The results so far are written, and the other tables run.
      failures.push(error)
      console.log(report.addFailure(name, error))
    }
    report.write()
  }
  console.log(report.summary())
  console.log(`\nWritten to ${report.files.join(" and ")}.`)
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} tables failed.`)
})
