import {
  BackgroundTimer,
  clearTimeout as clearRealTimeout,
  setImmediate,
  setTimeout as setRealTimeout,
} from "../timers.js"

/** Waits of this thread that have not been notified. */
let pending = 0

/**
 * Keeps the process alive for one more turn of the event loop if anything waits: a call into the
 * addon may just have sent a notification, which arrives in the next turn.
 */
export function deliverNotifications(): void {
  if (pending > 0) setImmediate(() => {})
}

/** When a wait ends without a notification, and whether it keeps the process alive. */
export interface WaitOptions {
  /** Milliseconds after which the wait ends. Default: none. */
  readonly timeoutMs?: number | undefined
  /**
   * Milliseconds for which the wait keeps the process alive, because another thread works on the
   * result. Default: none.
   */
  readonly keepAliveMs?: number | undefined
}

/** Promises by number, resolved by notifications from any thread. */
export class Waits {
  readonly #waiting = new Map<number, () => void>()
  readonly #listening = new Map<number, () => void>()

  /** Notifies the waiter and the listener of a number. */
  readonly notify = (number: number): void => {
    const wake = this.#waiting.get(number)
    this.#waiting.delete(number)
    wake?.()
    this.#listening.get(number)?.()
  }

  /** Calls `heard` at each notification until `stop` is called. Keeps nothing alive. */
  listen(number: number, heard: () => void): { stop(): void } {
    this.#listening.set(number, heard)
    const stop = () => {
      // The number may have been reused.
      if (this.#listening.get(number) === heard) this.#listening.delete(number)
    }
    return { stop }
  }

  /** Waits for a notification. Resolves to whether there was one. */
  async for(number: number, { timeoutMs, keepAliveMs }: WaitOptions): Promise<boolean> {
    const keepAlive = keepAliveMs === undefined ? undefined : setRealTimeout(() => {}, keepAliveMs)
    let timer: BackgroundTimer | undefined
    pending += 1
    const news = await new Promise<boolean>((resolve) => {
      this.#waiting.set(number, () => resolve(true))
      if (timeoutMs !== undefined) timer = new BackgroundTimer(() => resolve(false), timeoutMs)
    })
    pending -= 1
    timer?.stop()
    clearRealTimeout(keepAlive)
    if (!news) this.#waiting.delete(number)
    return news
  }
}
