import type { CacheStats } from "@layeron/modules"

/** A report of a process about an operation that is done or about to begin. */
export type Line =
  | readonly ["putting", key: string, version: number]
  | readonly ["put", version: number]
  | readonly ["removing", removal: number, keys: string[]]
  | readonly ["removed", removal: number]
  | readonly ["closed", stats: CacheStats]

/**
 * The entries that may be found after a process was killed, computed from its reports. Each put has
 * a version of its own.
 */
export class ExpectedEntries {
  /** Versions of each key that may be there. */
  readonly #possible = new Map<string, Set<number>>()
  /** Keys of which there has to be a version. */
  readonly #certain = new Set<string>()
  /** Puts that have resolved. */
  readonly #done = new Set<number>()
  /** Puts that were under way when something was removed, which may have removed them. */
  readonly #doubtful = new Set<number>()
  readonly #removals = new Map<number, (readonly [key: string, version: number])[]>()
  /** What is counted at least. */
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
   * What is wrong with having found this version of a key, or none; and from now on that is known.
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

  /** Where entries may leave to make room, there is nothing that has to be there. */
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

  /** Everything is on the disk: the last version of each key. */
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
