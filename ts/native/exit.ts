import { flushAll } from "./addon.js"

/** How long the end of the process waits for pending writes, in milliseconds. */
const FLUSH_TIMEOUT_MS = 5_000

let isAwaited = false

/**
 * Writes pending puts to disk before the process or the thread ends by itself or by `process.exit`.
 */
export function flushAtExit(): void {
  if (isAwaited) return
  isAwaited = true
  process.once("exit", () => flushAll(FLUSH_TIMEOUT_MS))
}
