/** Lays each package out as it is published, beside the repository and not in it. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { platformPackages } from "./platform-packages.mjs"
import { ROOT } from "./run.mjs"
import { platform } from "./setup.mjs"

/** What of a manifest speaks of the repository and not of the package. */
const OF_THE_REPOSITORY = ["scripts", "devDependencies", "workspaces", "napi"]

/**
 * The main package. It depends on the platforms' packages of its own version, of which npm installs
 * the one that fits.
 */
export function stageModules(scratch) {
  const platforms = platformPackages().map(({ manifest }) => [manifest.name, manifest.version])
  return stage(ROOT, join(scratch, "modules"), {
    optionalDependencies: Object.fromEntries(platforms),
  })
}

export function stageCore(scratch) {
  return stage(join(ROOT, "packages/core"), join(scratch, "core"))
}

/**
 * The packages of the platforms whose addon is in the folder; without a folder that of this
 * platform.
 */
export function stagePlatforms(scratch, addons) {
  const from = addons === undefined ? ROOT : resolve(addons)
  const staged = platformPackages()
    .filter(({ folder }) => addons !== undefined || basename(folder) === platform())
    .filter(({ manifest }) => existsSync(join(from, manifest.main)))
    .map(({ folder, manifest }) => {
      const copy = join(scratch, basename(folder))
      cpSync(folder, copy, { recursive: true })
      cpSync(join(from, manifest.main), join(copy, manifest.main))
      return copy
    })
  if (staged.length === 0) throw new Error(`No addon in ${from} is for a platform that is listed.`)
  return staged
}

function stage(folder, copy, added = {}) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const fields = Object.entries(manifest).filter(([field]) => !OF_THE_REPOSITORY.includes(field))
  const staged = { ...Object.fromEntries(fields), ...added }
  mkdirSync(copy, { recursive: true })
  for (const name of [...manifest.files, "README.md", "LICENSE"]) {
    if (existsSync(join(folder, name)))
      cpSync(join(folder, name), join(copy, name), { recursive: true })
  }
  writeFileSync(join(copy, "package.json"), `${JSON.stringify(staged, null, 2)}\n`)
  return copy
}
