/**
 * `npm run fuzz -- url 600`: fuzzes one target for so many seconds, a minute if it is not said how
 * many.
 */
import { cargoFuzz, fuzzOn, fuzzTargets } from "./fuzz-targets.mjs"
import { inForeground, main, step } from "./run.mjs"

const [target, seconds = "60"] = process.argv.slice(2)

await main(async () => {
  if (!fuzzTargets().includes(target) || !/^[1-9]\d*$/.test(seconds)) {
    throw new Error(
      `npm run fuzz -- <target> [seconds], where the target is ${fuzzTargets().join(", ")}`,
    )
  }
  await step("fuzz targets", () => cargoFuzz("build"))
  await inForeground(...(await fuzzOn(target, seconds)))
})
