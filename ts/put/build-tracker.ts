/** What is known of a `Request` object. */
interface Note {
  /** Fence sequence of the miss. */
  readonly sequence: number
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
  readonly #notes = new WeakMap<object, Note>()
  #runs = 0

  static of(identity: string): BuildTracker {
    const known = BuildTracker.#ofIdentities.get(identity) ?? new BuildTracker()
    BuildTracker.#ofIdentities.set(identity, known)
    return known
  }

  note(request: object, sequence: number): void {
    this.#notes.set(request, { sequence, run: undefined })
  }

  get(request: object): number | undefined {
    return this.#notes.get(request)?.sequence
  }

  forget(request: object): void {
    const run = this.#notes.get(request)?.run
    if (run === undefined) this.#notes.delete(request)
    else run.stored = true
  }

  /** Records that a wrapped handler runs with `request`, whose miss has been counted. */
  begin(request: object, sequence: number): HandlerRun {
    const run = { stored: false }
    this.#notes.set(request, { sequence, run })
    this.#runs += 1
    return run
  }

  end(request: object): void {
    if (this.#notes.delete(request)) this.#runs -= 1
  }

  /** Whether a wrapped handler runs with `request`. */
  isRun(request: object): boolean {
    return this.#runs > 0 && this.#notes.get(request)?.run !== undefined
  }
}
