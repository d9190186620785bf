/**
 * `node scripts/check-lines.mjs`: finds lines of prose with more than 100 characters, in comments
 * and in Markdown. Formatters limit the lines of code. Tables, code blocks and URLs are exempt.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { capture, ROOT } from "./lib/run.mjs"
import { main } from "./lib/steps.mjs"

const MAX_CHARACTERS = 100

const PROSE = {
  md: /^(?!\||\s{4}|.*https?:)/,
  code: /^\s*(?:\/\/|\*|\/\*|#)(?!.*https?:)/,
}

/** Files with lines that others write. */
const EXEMPT = /^(?:native\.|npm\/|bench\/results\/)|package-lock\.json$/

/** Throws an error that lists every line that is too long. */
export async function checkLines() {
  const { stdout } = await capture("git", ["ls-files"])
  const files = stdout.trim().split("\n")
  const faults = files.filter((file) => !EXEMPT.test(file)).flatMap(longLines)
  if (faults.length > 0)
    throw new Error(`Lines of more than ${MAX_CHARACTERS} characters:\n${faults.join("\n")}`)
}

function longLines(file) {
  const [, extension] = /\.(md|rs|[cm]?[jt]s|toml|yml)$/.exec(file) ?? []
  if (extension === undefined) return []
  const prose = extension === "md" ? PROSE.md : PROSE.code
  const lines = readFileSync(join(ROOT, file), "utf8").split("\n")
  return lines.flatMap((line, index) =>
    [...line].length > MAX_CHARACTERS && prose.test(line) ? [`${file}:${index + 1}`] : [],
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(checkLines)
