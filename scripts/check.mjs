/**
 * `npm run check`: format, lints, types, generated files, dependencies. One that fails does not
 * keep the others from running.
 */
import { checkCrates } from "./check-crates.mjs"
import { checkAddonFiles, checkLockFiles } from "./check-files.mjs"
import { checkImports } from "./check-imports.mjs"
import { cargoFuzz, checkDoubling, fuzzAll } from "./fuzz-targets.mjs"
import { checkPlatformPackages } from "./platform-packages.mjs"
import { capture, captureNode, main, step } from "./run.mjs"
import { setUp, TSC } from "./setup.mjs"

await main(async () => {
  await setUp()
  const failures = []
  const check = (title, work) => step(title, work).catch((error) => failures.push(error))
  await check("rustfmt", async () => {
    await capture("cargo", ["fmt", "--all", "--check"])
    await capture("cargo", ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])
  })
  await check("clippy", () =>
    capture("cargo", ["clippy", "--workspace", "--lib", "--tests", "--", "-D", "warnings"]),
  )
  await check("clippy on fuzz targets", () => cargoFuzz("clippy", "--", "-D", "warnings"))
  await check("fuzz targets", async () => {
    await cargoFuzz("build")
    return fuzzAll(2)
  })
  await check("steps of parsers", checkDoubling)
  await check("Biome", () =>
    captureNode("@biomejs/biome/bin/biome", ["check", "--error-on-warnings"]),
  )
  for (const project of [".", "packages/core", "tsconfig.test.json"]) {
    await check(`types of ${project}`, () => captureNode(TSC, ["-p", project, "--noEmit"]))
  }
  await check("import order", checkImports)
  await check("generated files of the addon", checkAddonFiles)
  await check("generated packages of the platforms", checkPlatformPackages)
  await check("lock files", checkLockFiles)
  await checkCrates(check)
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} checks failed.`)
})
