/**
 * `npm run build`: builds what is not up to date, and writes the platform packages again. Passes
 * its options to `napi build`, e.g. `-- --target aarch64-unknown-linux-musl -x`.
 */
import { writePlatformPackages } from "./lib/platform-packages.mjs"
import { buildAddon, compile, installDependencies } from "./lib/setup.mjs"
import { main, step } from "./lib/steps.mjs"

await main(async () => {
  await step("dependencies", installDependencies)
  await step("addon", () => buildAddon(process.argv.slice(2)))
  await step("TypeScript", compile)
  await step("platform packages", writePlatformPackages)
})
