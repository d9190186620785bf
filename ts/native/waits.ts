import {
  BackgroundTimer,
  clearTimeout as clearRealTimeout,
  setImmediate,
  setTimeout as setRealTimeout,
} from "../timers.js"

/** Waits of this thread that have no news yet. */
let pending = 0

/**
 * Keeps the process alive for one more turn of the event loop where anything waits, because a call
 * into the addon may just have made news, which comes with the next turn.
 */
export function deliverNotifications(): void {
  if (pending > 0) setImmediate(() => {})
}

/** How a wait ends without news, and what it does to the process meanwhile. */
export interface WaitOptions {
  /** Milliseconds after which there is no news. Default: no end. */
  readonly timeoutMs?: number | undefined
  /**
   * Milliseconds for which the wait keeps the process alive, because another thread works on the
   * news. Default: not at all.
   */
  readonly keepAliveMs?: number | undefined
}

/** Promises that are fulfilled by number, from this thread or another one. */
export class Waits {
  readonly #waiting = new Map<number, () => void>()
  readonly #listening = new Map<number, () => void>()

  /** There is news of this number. */
  readonly notify = (number: number): void => {
    const wake = this.#waiting.get(number)
    this.#waiting.delete(number)
    wake?.()
    this.#listening.get(number)?.()
  }

  /** Calls `heard` whenever there is news, until it is told to `stop`. Keeps nothing alive. */
  listen(number: number, heard: () => void): { stop(): void } {
    this.#listening.set(number, heard)
    const stop = () => {
      // The number may be another's by now.
      if (this.#listening.get(number) === heard) this.#listening.delete(number)
    }
    return { stop }
  }

  /** Waits for news. Resolves to whether there is any. */
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
