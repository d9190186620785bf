/**
 * `npm run pack:local`: makes the tarballs that npm would publish, and prints their paths.
 *
 *   --out FOLDER      folder of the tarballs (default: tarballs)
 *   --addons FOLDER   packs the addons in this folder, of any platforms, and builds none
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { parseArgs } from "node:util"
import { captureNpm, ROOT } from "./lib/run.mjs"
import { compile, installDependencies, setUp } from "./lib/setup.mjs"
import { stageCore, stageModules, stagePlatforms } from "./lib/stage.mjs"
import { main, step } from "./lib/steps.mjs"

const { values } = parseArgs({ options: { out: { type: "string" }, addons: { type: "string" } } })
const out = resolve(values.out ?? join(ROOT, "tarballs"))

await main(async () => {
  if (values.addons === undefined) await setUp()
  else {
    await step("dependencies", installDependencies)
    await step("TypeScript", compile)
  }
  const scratch = mkdtempSync(join(tmpdir(), "pack-local-"))
  try {
    const tarballs = []
    await step("tarballs", async () => {
      const folders = [
        stageModules(scratch),
        ...stagePlatforms(scratch, values.addons),
        stageCore(scratch),
      ]
      tarballs.push(...(await pack(folders)))
    })
    process.stdout.write(`${tarballs.join("\n")}\n`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
})

async function pack(folders) {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  const { stdout } = await captureNpm(["pack", "--json", "--pack-destination", out, ...folders])
  return JSON.parse(stdout).map(({ filename }) => join(out, filename))
}
