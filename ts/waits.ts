import { clearInterval, setInterval } from "./timers.js"

/** Far enough apart to cost nothing; all it does is keep the event loop alive. */
const KEEP_ALIVE_MS = 1 << 30

/** Promises that other threads fulfil, by number. While there are any, the process does not end. */
export class Waits {
  readonly #waiting = new Map<number, () => void>()
  readonly #listening = new Map<number, () => void>()
  #keepAlive: NodeJS.Timeout | undefined

  /** There is news of this number. */
  readonly ring = (number: number): void => {
    const wake = this.#waiting.get(number)
    this.#forget(number)
    wake?.()
    this.#listening.get(number)?.()
  }

  /** Calls `heard` whenever there is news, until it is told to `stop`. Keeps nothing alive. */
  listen(number: number, heard: () => void): { stop(): void } {
    this.#listening.set(number, heard)
    return { stop: () => this.#listening.delete(number) }
  }

  /** Waits for news, for at most so many milliseconds. Tells whether there is any. */
  async for(number: number, patience?: number): Promise<boolean> {
    this.#keepAlive ??= setInterval(() => {}, KEEP_ALIVE_MS)
    let timer: ReturnType<typeof setTimeout> | undefined
    const news = await new Promise<boolean>((resolve) => {
      this.#waiting.set(number, () => resolve(true))
      if (patience !== undefined) timer = setTimeout(resolve, patience, false)
    })
    clearTimeout(timer)
    if (!news) this.#forget(number)
    return news
  }

  #forget(number: number): void {
    this.#waiting.delete(number)
    if (this.#waiting.size > 0) return
    clearInterval(this.#keepAlive)
    this.#keepAlive = undefined
  }
}
