/** The build of a handler run, as `match` and `put` inside the run see it. */
export interface HandlerBuild {
  /** Fence sequence of the miss. */
  readonly since: number
  /** Whether the handler has stored its response itself. */
  stored: boolean
}

/** The build of a `Request` object: the fence sequence of its miss, or the run it was made for. */
type Build = number | HandlerBuild

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
    this.#builds.set(request, since)
  }

  /** Fence sequence at the miss with `request`, if a build has begun with it. */
  since(request: object): number | undefined {
    const build = this.#builds.get(request)
    return typeof build === "object" ? build.since : build
  }

  /** Ends a build: its response is stored. The build of a handler run ends with the run. */
  end(request: object): void {
    const build = this.#builds.get(request)
    if (typeof build === "object") build.stored = true
    else this.#builds.delete(request)
  }

  /** Begins the build of a wrapped handler that runs with `request`, whose miss is counted. */
  beginRun(request: object, since: number): HandlerBuild {
    const run = { since, stored: false }
    this.#builds.set(request, run)
    this.#runs += 1
    return run
  }

  endRun(request: object): void {
    if (this.#builds.delete(request)) this.#runs -= 1
  }

  /** Whether a wrapped handler runs with `request`. */
  isRun(request: object): boolean {
    return this.#runs > 0 && typeof this.#builds.get(request) === "object"
  }
}
