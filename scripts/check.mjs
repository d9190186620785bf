/**
 * `npm run check`: format, lints, types, import order, long lines, generated files, dependencies
 * and fuzz targets. Runs all checks even if one fails.
 */
import { checkImports } from "./check-imports.mjs"
import { checkLines } from "./check-lines.mjs"
import { checkCrates } from "./lib/check-crates.mjs"
import { checkGeneratedFiles, checkLockFiles } from "./lib/check-files.mjs"
import { cargoFuzz, checkDoubling, fuzzAll } from "./lib/fuzz-targets.mjs"
import { writePlatformPackages } from "./lib/platform-packages.mjs"
import { capture, captureNode } from "./lib/run.mjs"
import { setUp, TSC } from "./lib/setup.mjs"
import { main, step } from "./lib/steps.mjs"

const CLIPPY = ["clippy", "--workspace", "--lib", "--tests", "--", "-D", "warnings"]
const PROJECTS = [".", "packages/core", "tsconfig.test.json"]

await main(async () => {
  await setUp()
  const failures = []
  const check = (title, work) => step(title, work).catch((error) => failures.push(error))
  await checkRust(check)
  await checkTypeScript(check)
  await check("import order", checkImports)
  await check("lines of prose", checkLines)
  await check("generated files", async () => {
    await writePlatformPackages()
    await checkGeneratedFiles()
  })
  await check("lock files", checkLockFiles)
  await checkCrates(check)
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} checks failed.`)
})

async function checkRust(check) {
  await check("rustfmt", async () => {
    await capture("cargo", ["fmt", "--all", "--check"])
    await capture("cargo", ["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"])
  })
  await check("clippy", () => capture("cargo", CLIPPY))
  await check("clippy on fuzz targets", () => cargoFuzz("clippy", "--", "-D", "warnings"))
  await check("fuzz targets", async () => {
    await cargoFuzz("build")
    return fuzzAll(2)
  })
  await check("steps of parsers", checkDoubling)
}

async function checkTypeScript(check) {
  await check("Biome", () =>
    captureNode("@biomejs/biome/bin/biome", ["check", "--error-on-warnings"]),
  )
  for (const project of PROJECTS) {
    await check(`types of ${project}`, () => captureNode(TSC, ["-p", project, "--noEmit"]))
  }
}
