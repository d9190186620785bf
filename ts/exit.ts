import { isMainThread } from "node:worker_threads"
import { flushAll } from "./native.js"

/** How long the process is kept for what waits to be written. */
const PATIENCE_MS = 5_000

let isAwaited = false

/** Has what was put written to disk before the process ends by itself or by `process.exit`. */
export function flushAtExit(): void {
  if (isAwaited || !isMainThread) return
  isAwaited = true
  process.once("exit", () => flushAll(PATIENCE_MS))
}
