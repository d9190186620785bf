/**
 * Which TypeScript files of a folder import which, by relative `import` and `export … from`
 * declarations.
 */
import { posix } from "node:path"

const FROM = /^(?:import|export)\b[^"]*?"(\.{1,2}\/[^"]+)\.js"/gm

/**
 * The imports of each file, given its text by path without extension. Types count as everything
 * else does.
 */
export function typeScriptImports(texts) {
  const imports = new Map()
  for (const [file, text] of texts) {
    const paths = [...text.matchAll(FROM)].map(([, path]) => posix.join(posix.dirname(file), path))
    imports.set(file, new Set(paths.filter((path) => texts.has(path))))
  }
  return imports
}
