/** Traces of requests, one per line: the key, and in some traces its size. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { gunzipSync } from "node:zlib"

const NAMES = ["web07", "adaptsize"]

/**
 * @returns the keys of each trace, numbered in the order of their first request; undefined without
 * traces
 */
export function readTraces(folder) {
  const files = NAMES.map((name) => join(folder, `${name}.keys.gz`))
  if (!files.every(existsSync)) return undefined
  return NAMES.map((name, at) => ({ name, ...numbered(readFileSync(files[at])) }))
}

function numbered(file) {
  const lines = gunzipSync(file).toString("latin1").trimEnd().split("\n")
  const numbers = new Map()
  const keys = Uint32Array.from(lines, (line) => {
    const [key] = line.split(" ", 1)
    if (!numbers.has(key)) numbers.set(key, numbers.size)
    return numbers.get(key)
  })
  return { keys, distinct: numbers.size }
}
