/** The platform packages under npm/, one for each addon. `napi create-npm-dirs` writes them. */
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { captureNode, ROOT } from "./run.mjs"

const FOLDER = join(ROOT, "npm")
const NAPI = "@napi-rs/cli/dist/cli.js"

/** Folder and manifest of each platform package. */
export function platformPackages() {
  return readdirSync(FOLDER)
    .sort()
    .map((platform) => {
      const folder = join(FOLDER, platform)
      return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }
    })
}

/** Writes the platform packages from package.json. */
export async function writePlatformPackages() {
  rmSync(FOLDER, { recursive: true, force: true })
  await captureNode(NAPI, ["create-npm-dirs"])
}
