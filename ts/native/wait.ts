import { CacheError, type FailureCode } from "../errors.js"
import {
  BackgroundTimer,
  clearTimeout as clearRealTimeout,
  setImmediate,
  setTimeout as setRealTimeout,
} from "../timers.js"

/** Another thread works on a disk, for an unknown time. */
const KEEP_ALIVE_MS = 2 ** 30

/** Error codes by the codes of the addon. */
const CODES: Record<string, FailureCode> = {
  busy: "LAYERON_STORAGE_BUSY",
  full: "LAYERON_STORAGE_FULL",
  damaged: "LAYERON_STORAGE_DAMAGED",
  incompatible: "LAYERON_STORAGE_INCOMPATIBLE",
  closed: "LAYERON_CLOSED",
}

/** Promises of the addon that this thread waits for. */
let pending = 0

/**
 * Keeps the process alive for one more turn of the event loop if anything waits: a call into the
 * addon may just have notified a waiter of this thread, which is resumed in the next turn.
 */
export function deliverNotifications(): void {
  if (pending > 0) setImmediate(() => {})
}

/** When a wait ends before its promise, and whether it keeps the process alive. */
export interface WaitOptions {
  /** Milliseconds after which the wait ends. Default: none. */
  readonly timeoutMs?: number | undefined
  /**
   * Milliseconds for which the wait keeps the process alive, because another thread works on the
   * result. Default: none.
   */
  readonly keepAliveMs?: number | undefined
  /** Ends the wait when it aborts. Default: none. */
  readonly signal?: AbortSignal | undefined
}

/** Waits for a promise of the addon. Resolves to its value, or to `undefined` if the wait ends. */
export async function waitFor<Value>(
  promise: Promise<Value>,
  { timeoutMs, keepAliveMs, signal }: WaitOptions,
): Promise<{ readonly value: Value } | undefined> {
  const keepAlive = keepAliveMs === undefined ? undefined : setRealTimeout(() => {}, keepAliveMs)
  let timer: BackgroundTimer | undefined
  let end: (() => void) | undefined
  pending += 1
  try {
    return await new Promise((resolve, reject) => {
      end = () => resolve(undefined)
      promise.then((value) => resolve({ value }), reject)
      if (timeoutMs !== undefined) timer = new BackgroundTimer(end, timeoutMs)
      signal?.addEventListener("abort", end)
    })
  } finally {
    pending -= 1
    timer?.stop()
    clearRealTimeout(keepAlive)
    if (end !== undefined) signal?.removeEventListener("abort", end)
  }
}

/**
 * Waits for an operation of the tier, for at most `timeoutMs` milliseconds. Resolves to the number
 * of entries that it affected, or to `undefined` after that time. Rejects if it failed; `what`
 * names it.
 */
export async function completed(
  completion: Promise<number>,
  what: string,
  timeoutMs?: number,
): Promise<number | undefined> {
  try {
    return (await waitFor(completion, { timeoutMs, keepAliveMs: KEEP_ALIVE_MS }))?.value
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new CacheError(CODES[code ?? ""] ?? "LAYERON_STORAGE_FAILED", `${what}: ${message}`)
  }
}
