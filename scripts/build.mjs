/**
 * `npm run build`: builds whatever is not up to date, and writes the packages of the platforms
 * anew. Options are handed to `napi build`, e.g. `-- --target aarch64-unknown-linux-musl -x`.
 */
import { writePlatformPackages } from "./platform-packages.mjs"
import { main, step } from "./run.mjs"
import { buildAddon, compile, installDependencies } from "./setup.mjs"

await main(async () => {
  await step("dependencies", installDependencies)
  await step("addon", () => buildAddon(process.argv.slice(2)))
  await step("TypeScript", compile)
  await step("platform packages", writePlatformPackages)
})
