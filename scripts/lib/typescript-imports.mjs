/** Reads which TypeScript files of a folder import which, from `import` and `export … from`. */
import { posix } from "node:path"

const FROM = /^(?:import|export)\b[^"]*?"(\.{1,2}\/[^"]+)\.js"/gm

/** The imports of each file, given its text by path without extension. Type imports count too. */
export function typeScriptImports(texts) {
  const imports = new Map()
  for (const [file, text] of texts) {
    const paths = [...text.matchAll(FROM)].map(([, path]) => posix.join(posix.dirname(file), path))
    imports.set(file, new Set(paths.filter((path) => texts.has(path))))
  }
  return imports
}
