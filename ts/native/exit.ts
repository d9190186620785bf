import { flushAll } from "./addon.js"

/** How long the end is put off for what waits to be written. */
const PATIENCE_MS = 5_000

let isAwaited = false

/**
 * Has what was put written to disk before the process or the thread ends, by itself or by
 * `process.exit`.
 */
export function flushAtExit(): void {
  if (isAwaited) return
  isAwaited = true
  process.once("exit", () => flushAll(PATIENCE_MS))
}
