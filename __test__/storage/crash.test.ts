import { statSync } from "node:fs"
import type { CachePurgeSelector, CacheStats } from "@layeron/modules"
import { NO_STATS, ORIGIN, url } from "../helpers/cache"
import { Child, type ChildContext } from "../helpers/child"
import { ExpectedEntries, type Line } from "../helpers/expected-entries"
import { Random, seeds } from "../helpers/random"
import { declare, diskOf, fileIn, MIB, newPath } from "../helpers/storage"

const STORES = 4
const ROUNDS = 55
const KEYS = Array.from({ length: 40 }, (_, n) => `/${"abc"[n % 3]}/${n}`)

/** Returns the body of a version, by which a test detects an incomplete one. */
function bodyOf(key: string, version: number): string {
  return `${key} ${version} `.repeat(1 + (version % 13) ** 3)
}

function tagOf(key: string): string {
  return `t${Number(key.split("/").at(-1)) % 7}`
}

interface Task {
  readonly name: string
  readonly path: string
  readonly maxDiskBytes: number
  readonly keys: string[]
  readonly origin: string
  /** The first version to put. */
  readonly version: number
  readonly seed: number
  /** Sources of functions of this file. */
  readonly sources: Record<"bodyOf" | "tagOf" | "Random", string>
}

/** Puts, purges and deletes at random, and reports each step, until the process is killed. */
async function work({ cache, require }: ChildContext, task: Task): Promise<void> {
  const { writeSync } = require("node:fs") as typeof import("node:fs")
  const evaluate = (source: string) => new Function(`return ${source}`)()
  const bodyOf = evaluate(task.sources.bodyOf) as (key: string, version: number) => string
  const tagOf = evaluate(task.sources.tagOf) as (key: string) => string
  const random = new (evaluate(task.sources.Random))(task.seed) as { below(most: number): number }

  const { name, path, maxDiskBytes, keys, origin } = task
  const storage = { path, maxDiskBytes, memory: { maxBytes: 200_000, maxEntryBytes: 200_000 } }
  const open = () => cache({ name, ttlSeconds: 3_600, storage })
  const report = (line: Line) => writeSync(1, `${JSON.stringify(line)}\n`)
  let shop = open()
  let { version } = task

  const put = async (key: string) => {
    const own = version++
    report(["putting", key, own])
    await shop.put(new Request(origin + key), new Response(bodyOf(key, own)), {
      tags: [tagOf(key)],
    })
    report(["put", own])
  }
  const remove = async (removed: string[], call: () => Promise<unknown>) => {
    const own = version++
    report(["removing", own, removed])
    await call()
    report(["removed", own])
  }
  const purge = (removed: (key: string) => boolean, selector: CachePurgeSelector) =>
    remove(keys.filter(removed), () => shop.purge(selector))
  const aKey = () => keys[random.below(keys.length)]!

  /** Runs a random purge or delete. */
  const removal = () => {
    const key = aKey()
    const roll = random.below(100)
    if (roll < 40) return remove([key], () => shop.delete(origin + key))
    if (roll < 60) return purge((each) => each === key, { request: origin + key })
    if (roll < 85) return purge((each) => tagOf(each) === tagOf(key), { tags: [tagOf(key)] })
    const prefix = key.slice(0, 3)
    const isPath = roll < 90
    if (roll < 97)
      return purge((each) => each.startsWith(prefix), { prefix: isPath ? prefix : origin + prefix })
    return purge(() => true, { everything: true })
  }
  const puts = () => {
    const first = random.below(keys.length)
    const some = Array.from(
      { length: 1 + random.below(8) },
      (_, n) => keys[(first + n) % keys.length]!,
    )
    return some.map(put)
  }

  for (;;) {
    const roll = random.below(100)
    if (roll < 50) await Promise.all(puts())
    // A string would count as the miss of each later put of its key; a new `Request` does not.
    else if (roll < 70) await shop.match(new Request(origin + aKey()))
    else if (roll < 90) await removal()
    else if (roll < 96) await Promise.all([...puts(), removal()])
    else {
      const stats = await shop.stats()
      await shop.close()
      report(["closed", stats])
      shop = open()
    }
  }
}

/** A store on disk that a series of killed processes uses. */
class KilledStore {
  readonly #name: string
  readonly #path = newPath()
  readonly #maxDiskBytes: number
  readonly #random: Random
  readonly #ledger = new ExpectedEntries(NO_STATS)
  #version = 1
  /** Number of entries found in all rounds. */
  found = 0

  constructor(name: string, maxDiskBytes: number, seed: number) {
    this.#name = name
    this.#maxDiskBytes = maxDiskBytes
    this.#random = new Random(seed)
  }

  async round(): Promise<void> {
    for (const line of await this.#lines()) this.#ledger.note(line)
    this.#version += 1_000_000
    if (this.#maxDiskBytes === MIB) this.#ledger.expectNothing()
    await this.#examine()
  }

  /** Runs a process and returns its reports until it is killed. */
  async #lines(): Promise<Line[]> {
    let text = ""
    let left = this.#random.below(8) === 0 ? 0 : 1 + this.#random.below(250)
    const wait = this.#random.below(left === 0 ? 150 : 25)
    const kill = () => setTimeout(() => child.kill(), wait)
    const onOutput = (output: string) => {
      text += output
      if (left <= 0) return
      left -= output.split("\n").length - 1
      if (left <= 0) kill()
    }
    const child = new Child({ onOutput })
    // The process may also be killed before its first line.
    if (left === 0) kill()
    const failed = child.run(work, {
      name: this.#name,
      path: this.#path,
      maxDiskBytes: this.#maxDiskBytes,
      keys: KEYS,
      origin: ORIGIN,
      version: this.#version,
      seed: this.#random.below(1_000_000),
      sources: { bodyOf: bodyOf.toString(), tagOf: tagOf.toString(), Random: Random.toString() },
    })
    await expect(failed).rejects.toThrow("the process has ended")
    await child.ended()
    // The last line may be incomplete.
    return text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  }

  #open() {
    return declare({
      name: this.#name,
      ttlSeconds: 3_600,
      storage: { path: this.#path, maxDiskBytes: this.#maxDiskBytes },
    })
  }

  async #examine(): Promise<void> {
    const module = this.#open()
    const faults: unknown[] = []
    const counted = await module.stats()
    for (const [name, least] of Object.entries(this.#ledger.least)) {
      const count = counted[name as keyof CacheStats]
      if (count < least) faults.push(`${name} is ${count}, and was ${least}`)
    }
    for (const key of KEYS) {
      const text = await (await module.match(url(key)))?.text()
      const version = text === undefined ? undefined : Number(text.split(" ")[1])
      if (version !== undefined && text !== bodyOf(key, version))
        faults.push(`${key} is torn: ${text}`)
      if (version !== undefined) this.found += 1
      faults.push(this.#ledger.findFault(key, version))
    }
    faults.push((await diskOf(module)).fault ?? undefined)
    this.#ledger.least = await module.stats()
    await module.close()
    if (statSync(fileIn(this.#path)).size > this.#maxDiskBytes)
      faults.push("the file is beyond its bound")
    expect(faults.filter((fault) => fault !== undefined)).toEqual([])
  }

  /** Expects the indexes to contain exactly the existing entries. */
  async end(): Promise<void> {
    const module = this.#open()
    const keys = new Set<string>()
    for (const key of KEYS) if (await module.match(url(key))) keys.add(key)
    const { entries } = await diskOf(module)
    expect(entries).toBe(keys.size)
    for (const tag of new Set(KEYS.map(tagOf))) {
      const purged = [...keys].filter((key) => tagOf(key) === tag).length
      expect(await module.purge({ tags: [tag] })).toEqual({ purged })
    }
    expect((await diskOf(module)).entries).toBe(0)
  }
}

test.each(seeds(1))(
  `a process killed at any moment, ${STORES * ROUNDS} times, leaves whole entries, and nothing that it had removed (seed %i)`,
  async (seed) => {
    const stores = Array.from(
      { length: STORES },
      (_, n) => new KilledStore(`lane-${n}`, n % 2 === 0 ? 64 * MIB : MIB, seed + n),
    )
    await Promise.all(
      stores.map(async (store) => {
        for (let round = 0; round < ROUNDS; round++) await store.round()
        await store.end()
      }),
    )
    for (const { found } of stores) expect(found).toBeGreaterThan(ROUNDS)
  },
  120_000,
)

test.each(seeds(1))(
  "a process killed while it opens a file does not block another that opens it (seed %i)",
  async (seed) => {
    const random = new Random(seed)
    const open = async ({ cache }: ChildContext, path: string) => {
      const shop = cache({ name: "shop", storage: { path } })
      await shop.put("https://api.example.com/", new Response("b"), { tags: ["t"] })
      const { purged } = await shop.purge({ tags: ["t"] })
      return { purged, fault: (await shop.inspect()).disk?.fault }
    }
    const putMissing = async () => {
      const path = newPath()
      const victims = [new Child(), new Child()]
      const survivor = new Child()
      const outcome = survivor.run(open, path)
      const killed = victims.map(async (victim) => {
        victim.run(open, path).catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, random.below(120)))
        await victim.killed()
      })
      expect(await outcome).toEqual({ purged: expect.any(Number), fault: null })
      await Promise.all(killed)
      await survivor.killed()
    }
    for (let round = 0; round < 30; round++) await putMissing()
  },
  120_000,
)
