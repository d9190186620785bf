/** `npm run fuzz -- url 600`: fuzzes one target for some seconds (default: 60). */
import { cargoFuzz, fuzzCommand, fuzzTargets } from "./lib/fuzz-targets.mjs"
import { inForeground } from "./lib/run.mjs"
import { main, step } from "./lib/steps.mjs"

const [target, seconds = "60"] = process.argv.slice(2)

await main(async () => {
  if (!fuzzTargets().includes(target) || !/^[1-9]\d*$/.test(seconds)) {
    throw new Error(
      `Usage: npm run fuzz -- <target> [seconds]. Targets: ${fuzzTargets().join(", ")}`,
    )
  }
  await step("fuzz targets", () => cargoFuzz("build"))
  await inForeground(...(await fuzzCommand(target, seconds)))
})
