import type { CacheStats } from "@layeron/modules"

/** A process's report of an operation that has ended or is about to begin. */
export type Line =
  | readonly ["putting", key: string, version: number]
  | readonly ["put", version: number]
  | readonly ["removing", removal: number, keys: string[]]
  | readonly ["removed", removal: number]
  | readonly ["closed", stats: CacheStats]

/**
 * Computes, from the reports of a process, which entries may exist after it was killed. Each put
 * has its own version.
 */
export class ExpectedEntries {
  /** Versions of each key that may exist. */
  readonly #possible = new Map<string, Set<number>>()
  /** Keys of which a version must exist. */
  readonly #certain = new Set<string>()
  /** Puts that have resolved. */
  readonly #done = new Set<number>()
  /** Puts in progress during a removal, which may have removed them. */
  readonly #doubtful = new Set<number>()
  readonly #removals = new Map<number, (readonly [key: string, version: number])[]>()
  /** Lower bounds of the statistics. */
  least: CacheStats

  constructor(least: CacheStats) {
    this.least = least
  }

  note(line: Line): void {
    switch (line[0]) {
      case "putting":
        this.#versions(line[1]).add(line[2])
        break
      case "put":
        this.#done.add(line[1])
        break
      case "removing":
        this.#removing(line[1], line[2])
        break
      case "removed":
        for (const [key, version] of this.#removals.get(line[1]) ?? [])
          this.#versions(key).delete(version)
        break
      case "closed":
        for (const [key, versions] of this.#possible) this.#settle(key, versions)
        this.least = line[1]
    }
  }

  /**
   * Returns why it is wrong to have found this version of a key, or none; `undefined` if it is
   * right. Remembers the version as certain.
   */
  findFault(key: string, found: number | undefined): string | undefined {
    const versions = this.#versions(key)
    const isRight = found === undefined ? !this.#certain.has(key) : versions.has(found)
    const fault = `${key} is ${found}, and may be ${[...versions]}`
    this.#possible.set(key, new Set(found === undefined ? [] : [found]))
    this.#certain.delete(key)
    if (found !== undefined) this.#certain.add(key)
    return isRight ? undefined : fault
  }

  /** Drops all requirements that an entry exists, for caches that evict. */
  expectNothing(): void {
    this.#certain.clear()
  }

  #removing(removal: number, keys: string[]): void {
    const gone = keys.flatMap((key) => {
      this.#certain.delete(key)
      const versions = [...this.#versions(key)]
      const done = versions.filter((version) => this.#done.has(version))
      for (const version of versions) if (!this.#done.has(version)) this.#doubtful.add(version)
      return done.map((version) => [key, version] as const)
    })
    this.#removals.set(removal, gone)
  }

  /** Requires the last version of a key, since all puts are on disk. */
  #settle(key: string, versions: Set<number>): void {
    if (versions.size === 0) return
    const last = Math.max(...versions)
    this.#possible.set(key, new Set([last]))
    if (!this.#doubtful.has(last)) this.#certain.add(key)
  }

  #versions(key: string): Set<number> {
    const known = this.#possible.get(key)
    if (known !== undefined) return known
    const none = new Set<number>()
    this.#possible.set(key, none)
    return none
  }
}
