import { AsyncLocalStorage } from "node:async_hooks"

/** What a wrapped handler that runs inside of another run adds to the decision on storing. */
export interface Contribution {
  /** Tags, one a line. */
  readonly tags: string
  readonly mayStore: boolean
  readonly ttlSeconds: number | undefined
  readonly staleWhileRevalidateSeconds: number | undefined
  readonly staleIfErrorSeconds: number | undefined
}

/** A run of a wrapped handler. */
export class ActiveRun {
  readonly contributions: Contribution[] = []
  #key: (() => string) | undefined
  #signal: AbortSignal | undefined
  isOver = false

  /**
   * @param key computes the key of the run; called only where another call has to be compared
   * @param isUncached whether its response goes past the cache
   * @param signal that of the client's request
   */
  constructor(
    readonly identity: string,
    readonly isBackground: boolean,
    readonly isUncached: boolean,
    key: () => string,
    signal: AbortSignal | undefined,
    readonly parent: ActiveRun | undefined,
  ) {
    this.#key = key
    this.#signal = signal
  }

  /** `undefined` once the run is over. */
  get key(): string | undefined {
    return this.#key?.()
  }

  get signal(): AbortSignal | undefined {
    return this.#signal
  }

  /**
   * What the handler has made and keeps, such as a connection, keeps the run, and must not keep its
   * request.
   */
  end(): void {
    this.isOver = true
    this.#key = undefined
    this.#signal = undefined
  }
}

const storage = new AsyncLocalStorage<ActiveRun>()

/** Runs under way. Without any, no call pays for asynchronous context. */
let active = 0

/**
 * The innermost run under way inside of which the caller is, for a new run to have as its parent.
 * Work that a run has begun and that goes on after it, such as a timer, is inside of what encloses
 * that run.
 */
export function currentRun(): ActiveRun | undefined {
  let run = active === 0 ? undefined : storage.getStore()
  while (run?.isOver) run = run.parent
  return run
}

/** Does the work of a run. Call {@link endRun} once all of it is done. */
export function insideRun<T>(run: ActiveRun, work: () => T): T {
  active += 1
  return storage.run(run, work)
}

export function endRun(run: ActiveRun): void {
  run.end()
  active -= 1
  if (active === 0) storage.disable()
}

/**
 * Whether the caller is inside of another run for the same client. That call rejects when the
 * client leaves; its run still needs the response.
 */
export function isInsideRunFor(run: ActiveRun): boolean {
  for (let outer = run.parent; outer !== undefined; outer = outer.parent) {
    if (!outer.isOver && outer.signal === run.signal) return true
  }
  return false
}

/**
 * The run for `key` of the instance `identity` inside of which the caller is, directly or not. Work
 * of other requests may end up in the same asynchronous context, so runs that are over do not
 * count, and neither do those past the cache, which have nothing to store.
 */
export function enclosingRun(identity: string, key: () => string): ActiveRun | undefined {
  for (let run = currentRun(); run !== undefined; run = run.parent) {
    const mayStore = !run.isOver && !run.isUncached
    if (mayStore && run.identity === identity && run.key === key()) return run
  }
  return undefined
}
