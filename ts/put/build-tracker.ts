/** What is known of a `Request` object. */
interface Note {
  /** Where the sequence of purges stood at the miss. */
  readonly sequence: number
  /** The run of a wrapped handler that the object was made for. */
  readonly run: HandlerRun | undefined
}

/** A run of a wrapped handler, as far as `match` and `put` inside of it have to do with it. */
export interface HandlerRun {
  /** Whether the handler has stored its response itself. */
  stored: boolean
}

/**
 * What builds saw, by the `Request` they were about. A put of the same object is held back where
 * something of it was purged since. Requests are held weakly, and declarations of one identity
 * share the notes. A string or a URL may be spelled anew for the put, so their builds are noted by
 * the key, in the addon.
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

  /**
   * Notes that a wrapped handler is run with `request`: the miss that it has to do with has been
   * counted.
   */
  begin(request: object, sequence: number): HandlerRun {
    const run = { stored: false }
    this.#notes.set(request, { sequence, run })
    this.#runs += 1
    return run
  }

  end(request: object): void {
    if (this.#notes.delete(request)) this.#runs -= 1
  }

  /** Whether `request` is one that a wrapped handler is being run with. */
  isRun(request: object): boolean {
    return this.#runs > 0 && this.#notes.get(request)?.run !== undefined
  }
}
