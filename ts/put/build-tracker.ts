/** The build that a `Request` object belongs to. */
interface Build {
  /** Fence sequence of the miss. */
  readonly since: number
  /** The handler run that the object was made for. */
  readonly run: HandlerRun | undefined
}

/** A handler run, as `match` and `put` inside it see it. */
export interface HandlerRun {
  /** Whether the handler has stored its response itself. */
  stored: boolean
}

/**
 * Tracks builds by `Request` object. A put with the same object is dropped if something of it was
 * purged since the miss. Requests are held weakly, and all declarations of an identity share a
 * tracker. Builds of strings and URLs are tracked by key, in the addon.
 */
export class BuildTracker {
  static readonly #ofIdentities = new Map<string, BuildTracker>()
  readonly #builds = new WeakMap<object, Build>()
  #runs = 0

  static of(identity: string): BuildTracker {
    const known = BuildTracker.#ofIdentities.get(identity) ?? new BuildTracker()
    BuildTracker.#ofIdentities.set(identity, known)
    return known
  }

  /** Begins a build after a miss with `request`. */
  begin(request: object, since: number): void {
    this.#builds.set(request, { since, run: undefined })
  }

  /** Fence sequence at the miss with `request`, if a build has begun with it. */
  since(request: object): number | undefined {
    return this.#builds.get(request)?.since
  }

  /** Ends a build: its response is stored. The build of a handler run ends with the run. */
  end(request: object): void {
    const run = this.#builds.get(request)?.run
    if (run === undefined) this.#builds.delete(request)
    else run.stored = true
  }

  /** Begins the build of a wrapped handler that runs with `request`, whose miss is counted. */
  beginRun(request: object, since: number): HandlerRun {
    const run = { stored: false }
    this.#builds.set(request, { since, run })
    this.#runs += 1
    return run
  }

  endRun(request: object): void {
    if (this.#builds.delete(request)) this.#runs -= 1
  }

  /** Whether a wrapped handler runs with `request`. */
  isRun(request: object): boolean {
    return this.#runs > 0 && this.#builds.get(request)?.run !== undefined
  }
}
