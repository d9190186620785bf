import { AsyncLocalStorage } from "node:async_hooks"

/** What a wrapped handler inside another run adds to the decision about storing. */
export interface Contribution {
  /** Tags, one per line. */
  readonly tags: string
  readonly mayStore: boolean
  readonly ttlSeconds: number | undefined
  readonly staleWhileRevalidateSeconds: number | undefined
  readonly staleIfErrorSeconds: number | undefined
}

/** The asynchronous context of a handler run: what wrapped handlers called inside it see. */
export class RunContext {
  readonly contributions: Contribution[] = []
  #key: (() => string) | undefined
  #signal: AbortSignal | undefined
  isOver = false

  /**
   * @param key computes the key of the run; called only to compare it
   * @param isUncached whether its response bypasses the cache
   * @param signal that of the client's request
   */
  constructor(
    readonly identity: string,
    readonly isBackground: boolean,
    readonly isUncached: boolean,
    key: () => string,
    signal: AbortSignal | undefined,
    readonly parent: RunContext | undefined,
  ) {
    this.#key = key
    this.#signal = signal
  }

  /** `undefined` once the run has ended. */
  get key(): string | undefined {
    return this.#key?.()
  }

  get signal(): AbortSignal | undefined {
    return this.#signal
  }

  /**
   * Ends the run. Whatever the handler created and retains, such as a connection, retains the run,
   * and must not retain its request.
   */
  end(): void {
    this.isOver = true
    this.#key = undefined
    this.#signal = undefined
  }
}

const storage = new AsyncLocalStorage<RunContext>()

/** Active runs. Without any, no call pays for asynchronous context. */
let active = 0

/**
 * The innermost active run around the caller, as the parent of a new run. Work that outlives a run,
 * such as a timer, belongs to the run around it.
 */
export function currentRun(): RunContext | undefined {
  let run = active === 0 ? undefined : storage.getStore()
  while (run?.isOver) run = run.parent
  return run
}

/** Does the work of a run. Call {@link endRun} once all of it is done. */
export function insideRun<T>(run: RunContext, work: () => T): T {
  active += 1
  return storage.run(run, work)
}

export function endRun(run: RunContext): void {
  run.end()
  active -= 1
  if (active === 0) storage.disable()
}

/**
 * Whether the caller is inside another run for the same client. That call rejects when the client
 * leaves; its run still needs the response.
 */
export function isInsideRunFor(run: RunContext): boolean {
  for (let outer = run.parent; outer !== undefined; outer = outer.parent) {
    if (!outer.isOver && outer.signal === run.signal) return true
  }
  return false
}

/**
 * The active run for `key` of the instance `identity` around the caller, directly or not. Work of
 * other requests may be in the same asynchronous context, so runs that have ended do not count, and
 * neither do those that bypass the cache.
 */
export function enclosingRun(identity: string, key: () => string): RunContext | undefined {
  for (let run = currentRun(); run !== undefined; run = run.parent) {
    const mayStore = !run.isOver && !run.isUncached
    if (mayStore && run.identity === identity && run.key === key()) return run
  }
  return undefined
}
