/**
 * The packages of the platforms under npm/, each with one addon to hold. They are made from
 * package.json.
 */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { captureNode, ROOT } from "./run.mjs"
import { NAPI } from "./setup.mjs"
import { filesUnder } from "./stamp.mjs"

export const PLATFORM_PACKAGES = join(ROOT, "npm")

/** Manifest and folder of each platform's package. */
export function platformPackages() {
  return readdirSync(PLATFORM_PACKAGES)
    .sort()
    .map((platform) => {
      const folder = join(PLATFORM_PACKAGES, platform)
      return { folder, manifest: JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) }
    })
}

export async function writePlatformPackages() {
  rmSync(PLATFORM_PACKAGES, { recursive: true, force: true })
  await captureNode(NAPI, ["create-npm-dirs"])
}

/** @throws Error when the files are not what would be written now. */
export async function checkPlatformPackages() {
  const scratch = mkdtempSync(join(tmpdir(), "platform-packages-"))
  try {
    copyFileSync(join(ROOT, "package.json"), join(scratch, "package.json"))
    await captureNode(NAPI, ["create-npm-dirs", "--cwd", scratch])
    const differing = differingFiles(contents(PLATFORM_PACKAGES), contents(join(scratch, "npm")))
    if (differing.length > 0) {
      throw new Error(
        `Not as generated: ${differing.map((file) => `npm${file}`).join(", ")}. Run \`npm run build\`.`,
      )
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function contents(folder) {
  const files = filesUnder(folder).filter((file) => !file.endsWith(".node"))
  return new Map(files.map((file) => [file.slice(folder.length), readFileSync(file, "utf8")]))
}

function differingFiles(found, wanted) {
  const files = new Set([...found.keys(), ...wanted.keys()])
  return [...files].filter((file) => found.get(file) !== wanted.get(file))
}
