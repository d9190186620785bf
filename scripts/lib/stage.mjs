/** Copies each package, as it is published, into a folder outside the repository. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { basename, join, resolve } from "node:path"
import { platformPackages } from "./platform-packages.mjs"
import { ROOT } from "./run.mjs"
import { platform } from "./setup.mjs"

/** Manifest fields that are not published. */
const UNPUBLISHED_FIELDS = ["scripts", "devDependencies", "workspaces", "napi"]

/**
 * The main package. The platform packages of its version are its optional dependencies, of which
 * npm installs the one for the machine. `napi pre-publish` adds them only if all addons exist.
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
 * The platform packages whose addon is in the folder `addons`, or the one of this platform if no
 * folder is given. `napi artifacts` copies addons too, but only if those of all platforms exist.
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
  if (staged.length === 0) throw new Error(`No addon of a configured platform is in ${from}.`)
  return staged
}

function stage(folder, copy, extraFields = {}) {
  const manifest = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
  const fields = Object.entries(manifest).filter(([field]) => !UNPUBLISHED_FIELDS.includes(field))
  const staged = { ...Object.fromEntries(fields), ...extraFields }
  mkdirSync(copy, { recursive: true })
  for (const name of [...manifest.files, "README.md", "LICENSE"]) {
    if (existsSync(join(folder, name)))
      cpSync(join(folder, name), join(copy, name), { recursive: true })
  }
  writeFileSync(join(copy, "package.json"), `${JSON.stringify(staged, null, 2)}\n`)
  return copy
}
