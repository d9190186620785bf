/**
 * `node scripts/check-imports.mjs`: checks the import order that docs/design.md states. A file
 * imports only from rows above its own, and imports have no cycle. Test files are exempt.
 */
import { readFileSync } from "node:fs"
import { join, posix, relative, sep } from "node:path"
import { fileURLToPath } from "node:url"
import { ROOT } from "./lib/run.mjs"
import { rustImports } from "./lib/rust-imports.mjs"
import { filesUnder } from "./lib/stamp.mjs"
import { main } from "./lib/steps.mjs"
import { typeScriptImports } from "./lib/typescript-imports.mjs"

const LANGUAGES = { rs: rustImports, ts: typeScriptImports }

/** Throws an error that lists every import against the order. */
export function checkImports() {
  const faults = orders().flatMap(({ root, rows }) => {
    const imports = importsOf(root)
    return [...unordered(imports, rows), ...cycles(imports)].map((fault) => `${root}: ${fault}`)
  })
  if (faults.length > 0) throw new Error(`Imports against docs/design.md:\n${faults.join("\n")}`)
}

/**
 * The blocks of docs/design.md marked `import-order`: a folder and a colon, then rows of module
 * names.
 */
function orders() {
  const design = readFileSync(join(ROOT, "docs/design.md"), "utf8")
  return [...design.matchAll(/^```import-order\n([^:]+):\n(.*?)^```$/gms)].map(
    ([, root, rows]) => ({
      root,
      rows: rows
        .trim()
        .split("\n")
        .map((row) => row.trim().split(/\s+/)),
    }),
  )
}

/** The files of a folder, by path without extension, each with the files that it imports. */
function importsOf(root) {
  const files = new Map()
  for (const path of filesUnder(join(ROOT, root))) {
    const [name, extension] = relative(join(ROOT, root), path).split(sep).join(posix.sep).split(".")
    files.set(name, { extension, text: readFileSync(path, "utf8") })
  }
  const [{ extension }] = files.values()
  return LANGUAGES[extension](new Map([...files].map(([name, { text }]) => [name, text])))
}

function unordered(imports, rows) {
  const rank = new Map(rows.flatMap((names, row) => names.map((name) => [name, row])))
  const rankOf = (file) => rank.get(file) ?? rank.get(file.split("/")[0])
  const faults = []
  for (const [file, imported] of imports) {
    if (rankOf(file) === undefined) faults.push(`${file} is in no row`)
    for (const other of imported) {
      if (rankOf(other) > rankOf(file))
        faults.push(`${file} imports ${other}, which is in a row below`)
    }
  }
  return faults
}

/** One cycle for each file from which one can be reached, if there is any. */
function cycles(imports) {
  const done = new Set()
  const faults = []
  const visit = (file, path) => {
    if (path.includes(file)) faults.push([...path.slice(path.indexOf(file)), file].join(" -> "))
    if (done.has(file) || path.includes(file)) return
    for (const other of imports.get(file) ?? []) visit(other, [...path, file])
    done.add(file)
  }
  for (const file of imports.keys()) visit(file, [])
  return faults
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(checkImports)
