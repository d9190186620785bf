/**
 * What misses saw, by the `Request` they were about. A put of the same object is held back where something of it was purged since.
 * Requests are held weakly, and declarations of one identity share the notes. A string or a URL may be spelled anew for the put, so
 * their misses are noted by the key, in the addon.
 */
export class Misses {
  static readonly #ofIdentities = new Map<string, Misses>()
  readonly #sequences = new WeakMap<object, number>()

  static of(identity: string): Misses {
    const known = Misses.#ofIdentities.get(identity) ?? new Misses()
    Misses.#ofIdentities.set(identity, known)
    return known
  }

  note(request: object, sequence: number): void {
    this.#sequences.set(request, sequence)
  }

  get(request: object): number | undefined {
    return this.#sequences.get(request)
  }

  forget(request: object): void {
    this.#sequences.delete(request)
  }
}
