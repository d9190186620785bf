import { statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { CachePurgeSelector, CacheStats } from "@layeron/modules"
import { ORIGIN, url } from "../helpers/cache"
import { Child, type ChildContext } from "../helpers/child"
import { START } from "../helpers/clock"
import { Random, seeds } from "../helpers/random"
import { diskOf, fileIn, MIB, newFolder, newPath, openIn, pollUntil } from "../helpers/storage"

/** Declares the cache of a folder in a child process. */
function declare(
  context: ChildContext,
  path: string,
  { now, ...options }: { now?: number; maxDiskBytes?: number; maxBytes?: number } = {},
): void {
  if (now !== undefined) Date.now = () => now
  const { maxDiskBytes, maxBytes } = options
  const storage = { path, maxDiskBytes, memory: { maxBytes, maxEntryBytes: maxBytes } }
  context.shop = context.cache({
    name: "shop",
    ttlSeconds: 60,
    staleWhileRevalidateSeconds: 300,
    storage,
  })
}

const putText = ({ shop }: ChildContext, at: string, text: string) =>
  shop.put(new Request(at), new Response(text), { tags: ["t"] })
const matchText = async ({ shop }: ChildContext, at: string) =>
  (await shop.match(new Request(at)))?.text()
const purge = ({ shop }: ChildContext, selector: CachePurgeSelector) => shop.purge(selector)
const remove = ({ shop }: ChildContext, at: string) => shop.delete(at)
const close = ({ shop }: ChildContext) => shop.close()
const setNow = (_: ChildContext, now: number) => {
  Date.now = () => now
}

async function children(count: number, path: string, options: Parameters<typeof declare>[2] = {}) {
  const all = Array.from({ length: count }, () => new Child())
  for (const child of all) await child.run(declare, path, options)
  return all as [Child, Child, ...Child[]]
}

const A = url("/a")

/** Keys that are always removed together and put again with another version. */
interface Group {
  readonly owner: number
  readonly selector: CachePurgeSelector | string
  readonly keys: string[]
}

const PROCESSES = 4

function groupsOf(owner: number): Group[] {
  const keys = (name: string) => [1, 2, 3].map((n) => url(`/${owner}/${name}/${n}`))
  return [
    { owner, selector: { request: url(`/${owner}/request`) }, keys: [url(`/${owner}/request`)] },
    { owner, selector: url(`/${owner}/delete`), keys: [url(`/${owner}/delete`)] },
    { owner, selector: { tags: [`${owner}/tag`] }, keys: keys("tag") },
    { owner, selector: { prefix: `/${owner}/path/` }, keys: keys("path") },
    { owner, selector: { prefix: url(`/${owner}/url/`) }, keys: keys("url") },
  ]
}

const GROUPS = Array.from({ length: PROCESSES }, (_, owner) => groupsOf(owner)).flat()

interface WorkerTask {
  readonly self: number
  readonly groups: Group[]
  readonly origin: string
  /** File with two numbers per group: the last removed version, and the version to serve. */
  readonly versionsFile: string
  readonly milliseconds: number
  readonly random: string
  readonly seed: number
}

interface WorkerReport {
  readonly faults: string[]
  readonly counted: CacheStats
  readonly evictions: number
}

/**
 * Removes the versions of its own groups, records that in the file of versions, and puts the next
 * ones. Matches keys of other groups, puts missing ones, and reports a fault for each match of a
 * version that was removed before.
 */
async function runWorker({ shop, require }: ChildContext, task: WorkerTask): Promise<WorkerReport> {
  const { openSync, readSync, writeSync } = require("node:fs") as typeof import("node:fs")
  const { setImmediate } = require("node:timers/promises") as typeof import("node:timers/promises")
  const random = new (new Function(`return ${task.random}`)())(task.seed) as {
    below(most: number): number
  }
  const versionsFile = openSync(task.versionsFile, "r+")
  const buffer = new Int32Array(1)
  const read = (at: number) => {
    readSync(versionsFile, buffer, 0, 4, at * 4)
    return buffer[0]!
  }
  const write = (at: number, value: number) =>
    writeSync(versionsFile, Int32Array.of(value), 0, 4, at * 4)

  const faults: string[] = []
  const counted = { hits: 0, misses: 0, puts: 0, deletes: 0, purges: 0 }
  const text = (key: string, version: number) => `${key} ${version} `.repeat(1 + (version % 50))
  const put = async (request: Request, key: string, version: number) => {
    counted.puts += 1
    await shop.put(request, new Response(text(key, version)), {
      tags: [key.split("/").slice(3, 5).join("/")],
    })
  }
  const match = async (request: Request) => {
    const found = await (await shop.match(request))?.text()
    counted[found === undefined ? "misses" : "hits"] += 1
    return found
  }
  const own = [...task.groups.keys()].filter((at) => task.groups[at]!.owner === task.self)
  const replaceGroup = async (at: number) => {
    const { selector, keys } = task.groups[at]!
    const version = read(2 * at + 1)
    // Like an application, which changes its data before it purges the responses.
    write(2 * at + 1, version + 1)
    if (typeof selector === "string") {
      await shop.delete(selector)
      counted.deletes += 1
    } else counted.purges += (await shop.purge(selector)).purged
    write(2 * at, version)
    await Promise.all(keys.map((key) => put(new Request(key), key, version + 1)))
  }
  const checkGroup = async (at: number) => {
    const { keys } = task.groups[at]!
    const key = keys[random.below(keys.length)]!
    const removedVersion = read(2 * at)
    const request = new Request(key)
    const found = await match(request)
    const version = found === undefined ? read(2 * at + 1) : Number(found.split(" ")[1])
    if (found === undefined) {
      if (random.below(2) === 0) await setImmediate()
      return put(request, key, version)
    }
    if (found !== text(key, version)) faults.push(`${key} is torn`)
    if (version <= removedVersion)
      faults.push(`${key} is served of version ${version}, and ${removedVersion} was gone`)
  }
  const putMissing = async () => {
    const key = `${task.origin}/filler/${task.self}/${random.below(60)}`
    const body = key.repeat(500)
    const found = await match(new Request(key))
    if (found === undefined) return put(new Request(key), key, 0)
    if (found !== body && found !== text(key, 0)) faults.push(`${key} is torn`)
    counted.puts += 1
    await shop.put(new Request(key), new Response(body))
  }

  for (const at of own) await replaceGroup(at)
  const waitUntil = performance.now() + task.milliseconds
  while (performance.now() < waitUntil) {
    const roll = random.below(20)
    if (roll === 0) await replaceGroup(own[random.below(own.length)]!)
    else if (roll === 1) await putMissing()
    else await checkGroup(random.below(task.groups.length))
    await setImmediate()
  }
  const { disk } = await shop.inspect()
  if (disk?.fault !== null) faults.push(`the disk has a fault: ${disk?.fault}`)
  return { faults, counted, evictions: disk?.evictions ?? 0 }
}

/** Puts and purges entries of its own until the process is killed. */
async function putAndPurge({ shop }: ChildContext, origin: string): Promise<void> {
  for (let n = 0; ; n++) {
    await shop.put(new Request(`${origin}/disturbing/${n % 50}`), new Response("b".repeat(2_000)))
    if (n % 10 === 0) await shop.purge({ request: `${origin}/disturbing/${n % 50}` })
  }
}

test.each(seeds(1))(
  "four processes never serve what one of them has purged, share counters, and keep the bound of the file (seed %i)",
  async (seed) => {
    const path = newPath()
    const versionsFile = join(newFolder(), "board")
    writeFileSync(
      versionsFile,
      Int32Array.from({ length: 2 * GROUPS.length }, (_, at) => at % 2),
    )
    const bounds = { maxDiskBytes: 2 * MIB, maxBytes: 300_000 }
    const workers = await children(PROCESSES, path, bounds)
    const file = fileIn(path)
    let largest = 0
    const timer = setInterval(() => {
      largest = Math.max(largest, statSync(file).size)
    }, 10)
    const reports = await Promise.all(
      workers.map((worker, self) =>
        worker.run(runWorker, {
          self,
          groups: GROUPS,
          origin: ORIGIN,
          versionsFile,
          milliseconds: 4_000,
          random: Random.toString(),
          seed: seed + self,
        }),
      ),
    )
    clearInterval(timer)
    await Promise.all(workers.map((worker) => worker.run(close)))
    expect(reports.flatMap(({ faults }) => faults)).toEqual([])
    const sum = (of: (each: WorkerReport) => number) =>
      reports.reduce((sum, each) => sum + of(each), 0)
    const module = openIn("", { storage: { path, maxDiskBytes: bounds.maxDiskBytes } })
    const { fencedWrites } = await module.inspect()
    const expected = {
      hits: sum(({ counted }) => counted.hits),
      misses: sum(({ counted }) => counted.misses),
      puts: sum(({ counted }) => counted.puts) - fencedWrites,
      deletes: sum(({ counted }) => counted.deletes),
      purges: sum(({ counted }) => counted.purges),
    }
    expect(await module.stats()).toEqual(expected)
    for (const [name, count] of Object.entries(expected))
      expect([name, count > 20]).toEqual([name, true])
    expect(sum(({ evictions }) => evictions)).toBeGreaterThan(0)
    expect(Math.max(largest, statSync(file).size)).toBeLessThanOrEqual(bounds.maxDiskBytes)
    expect((await diskOf(module)).fault).toBeNull()
  },
  60_000,
)

describe("a process that is killed in the middle of its writes", () => {
  test("does not block other processes", async () => {
    const path = newPath()
    const [survivor] = await children(1, path)
    for (let round = 0; round < 10; round++) {
      const victim = new Child()
      await victim.run(declare, path)
      victim.run(putAndPurge, ORIGIN).catch(() => {})
      await survivor.run(putText, A, `${round}`)
      await new Promise((resolve) => setTimeout(resolve, 7 * round))
      await victim.killed()
      expect(await survivor.run(matchText, A)).toBe(`${round}`)
      expect(await survivor.run(purge, { request: A })).toEqual({ purged: 1 })
      expect(await survivor.run(matchText, A)).toBeUndefined()
    }
  })
})

describe("a process that is stopped in the middle of its writes", () => {
  test("delays no lookup and no put of others, and their purges only while it is stopped", async () => {
    const path = newPath()
    const [other, victim] = await children(2, path, { maxBytes: 100_000 })
    for (let n = 0; n < 50; n++) await other.run(putText, url(`/${n}`), "b".repeat(5_000))
    victim.run(putAndPurge, ORIGIN).catch(() => {})
    for (let round = 0; round < 10; round++) {
      await new Promise((resolve) => setTimeout(resolve, 7 * round))
      victim.kill("SIGSTOP")
      // Some of these entries are in memory, most are only on disk.
      for (const n of [0, 1, 25, 48, 49])
        expect(await other.run(matchText, url(`/${n}`))).toBe("b".repeat(5_000))
      expect(await other.run(matchText, url("/none"))).toBeUndefined()
      await other.run(putText, A, `${round}`)
      expect(await other.run(matchText, A)).toBe(`${round}`)
      const purged = other.run(purge, { request: A })
      victim.kill("SIGCONT")
      expect(await purged).toEqual({ purged: 1 })
      expect(await other.run(matchText, A)).toBeUndefined()
    }
  })
})

describe("two processes", () => {
  test("find each other's entries when they are on disk", async () => {
    const [one, two] = await children(2, newPath())
    await one.run(putText, A, "from one")
    expect(
      await pollUntil(
        () => two.run(matchText, A),
        (text) => text !== undefined,
      ),
    ).toBe("from one")
    await two.run(putText, A, "from two")
    expect(
      await pollUntil(
        () => one.run(matchText, A),
        (text) => text !== "from one",
      ),
    ).toBe("from two")
  })

  test.each<[string, CachePurgeSelector | string]>([
    ["a delete", A],
    ["a purge of its request", { request: A }],
    ["a purge of its tag", { tags: ["none", "t"] }],
    ["a purge of its prefix", { prefix: url("/") }],
    ["a purge of its path's prefix", { prefix: "/a" }],
    ["a purge of everything", { everything: true }],
  ])("both lose an entry after %s by one", async (_, removal) => {
    const [one, two] = await children(2, newPath())
    await one.run(putText, A, "b")
    await pollUntil(
      () => two.run(matchText, A),
      (text) => text === "b",
    )
    const removedVersion =
      typeof removal === "string" ? two.run(remove, removal) : two.run(purge, removal)
    expect(await removedVersion).toEqual(typeof removal === "string" ? true : { purged: 1 })
    expect(await one.run(matchText, A)).toBeUndefined()
    expect(await two.run(matchText, A)).toBeUndefined()
  })

  test("both lose what one has put and the other purged before it was on disk", async () => {
    const [one, two] = await children(2, newPath())
    for (let round = 0; round < 20; round++) {
      await one.run(putText, A, `${round}`)
      await two.run(purge, { tags: ["t"] })
      expect(await one.run(matchText, A)).toBeUndefined()
      expect(await two.run(matchText, A)).toBeUndefined()
    }
  })

  test("apply each other's purges even after one that selected nothing", async () => {
    const [one, two] = await children(2, newPath())
    for (let n = 0; n < 20; n++) await one.run(putText, url(`/${n}`), "b")
    expect(await one.run(purge, { tags: [] })).toEqual({ purged: 0 })
    expect(await two.run(purge, { request: url("/7") })).toEqual({ purged: 1 })
    expect(await one.run(matchText, url("/7"))).toBeUndefined()
    expect(await one.run(purge, { tags: [] })).toEqual({ purged: 0 })
    expect(await two.run(purge, { request: url("/8") })).toEqual({ purged: 1 })
    expect(await one.run(matchText, url("/8"))).toBeUndefined()
    expect(await one.run(matchText, url("/9"))).toBe("b")
  })

  test("serve an entry that one has made stale to all callers except one", async () => {
    const [one, two] = await children(2, newPath())
    await one.run(putText, A, "b")
    await pollUntil(
      () => two.run(matchText, A),
      (text) => text === "b",
    )
    expect(await one.run(purge, { tags: ["t"], soft: true })).toEqual({ purged: 1 })
    const texts = [
      await two.run(matchText, A),
      await one.run(matchText, A),
      await two.run(matchText, A),
    ]
    expect(texts).toEqual([undefined, "b", "b"])
  })

  test("let one caller refresh a stale entry, and serve the new one after its put", async () => {
    const [one, two] = await children(2, newPath(), { now: START })
    await one.run(putText, A, "old")
    await pollUntil(
      () => two.run(matchText, A),
      (text) => text === "old",
    )
    for (const child of [one, two]) await child.run(setNow, START + 61_000)
    expect(await two.run(matchText, A)).toBeUndefined()
    for (const child of [one, two, one, two]) expect(await child.run(matchText, A)).toBe("old")
    await two.run(putText, A, "new")
    expect(await two.run(matchText, A)).toBe("new")
    expect(
      await pollUntil(
        () => one.run(matchText, A),
        (text) => text !== "old",
      ),
    ).toBe("new")
    await two.run(close)
    expect(await one.run(matchText, A)).toBe("new")
    expect(await one.run(async ({ shop }) => (await shop.inspect()).elections)).toBe(0)
  })

  test("let another caller refresh an entry after half a minute without a put", async () => {
    const [one, two] = await children(2, newPath(), { now: START })
    await one.run(putText, A, "old")
    await pollUntil(
      () => two.run(matchText, A),
      (text) => text === "old",
    )
    const at = async (seconds: number, child: Child) => {
      await child.run(setNow, START + seconds * 1_000)
      return child.run(matchText, A)
    }
    expect(await at(61, two)).toBeUndefined()
    await two.killed()
    expect(await at(61, one)).toBe("old")
    expect(await at(90, one)).toBe("old")
    expect(await at(92, one)).toBeUndefined()
    expect(await at(92, one)).toBe("old")
  })

  test("run a wrapped handler once to refresh a stale response", async () => {
    const [one, two] = await children(2, newPath(), { now: START })
    await one.run(putText, A, "old")
    await pollUntil(
      () => two.run(matchText, A),
      (text) => text === "old",
    )
    const refresh = async ({ shop }: ChildContext, at: string, now: number) => {
      Date.now = () => now
      let runs = 0
      const handler = shop.wrap(async () => {
        runs += 1
        return new Response("new", { headers: { "cache-control": "max-age=60" } })
      })
      const texts = await Promise.all(
        Array.from({ length: 20 }, async () => (await handler(new Request(at))).text()),
      )
      return { runs, isServed: texts.every((text) => text === "old" || text === "new") }
    }
    const both = await Promise.all([one, two].map((child) => child.run(refresh, A, START + 61_000)))
    expect(both.map(({ isServed }) => isServed)).toEqual([true, true])
    expect(both[0]!.runs + both[1]!.runs).toBe(1)
  })

  test("share counters while both are open", async () => {
    const path = newPath()
    const [one, two] = await children(2, path)
    await one.run(putText, A, "b")
    await pollUntil(
      () => two.run(matchText, A),
      (text) => text === "b",
    )
    await one.run(matchText, A)
    await two.run(remove, A)
    await one.run(close)
    const { misses, ...counted } = await pollUntil(
      () => two.run(({ shop }) => shop.stats()),
      ({ hits }) => hits === 2,
    )
    expect(counted).toEqual({ hits: 2, puts: 1, deletes: 1, purges: 0 })
    await two.run(close)
    expect(await openIn(path).stats()).toEqual({ ...counted, misses })
  })

  test("do not run out of space if they put the same entries repeatedly", async () => {
    const path = newPath()
    const [one] = await children(1, path, { maxDiskBytes: MIB })
    const replaceAll = async ({ cache, shop }: ChildContext, path: string) => {
      for (let round = 0; round < 200; round++) {
        const at = (n: number) => new Request(`https://api.example.com/a/path/of/some/length/${n}`)
        for (let n = 0; n < 200; n++) await shop.put(at(n), new Response("b"))
        // Closing another declaration writes the queue to disk.
        await cache({ name: "shop", storage: { path, maxDiskBytes: 1024 * 1024 } }).close()
      }
      const { entries, evictions, bytes } = (await shop.inspect()).disk!
      return { entries, evictions, bytes }
    }
    const { bytes, ...rest } = await one.run(replaceAll, path)
    expect(rest).toEqual({ entries: 200, evictions: 0 })
    expect(bytes).toBeLessThanOrEqual(MIB)
    await one.run(close)
    expect(statSync(fileIn(path)).size).toBeLessThanOrEqual(MIB)
  })

  test("keep the bound of the file however much they purge", async () => {
    const path = newPath()
    const [one, two] = await children(2, path, { maxDiskBytes: MIB })
    const purgeRepeatedly = async ({ shop }: ChildContext, first: number) => {
      for (let n = first; n < first + 30; n++) {
        await shop.put(
          new Request(`https://api.example.com/${n}`),
          new Response("b".repeat(20_000)),
        )
        const tags = Array.from({ length: 100 }, (_, tag) => `${n}-${tag}-${"t".repeat(500)}`)
        await shop.purge({ tags })
      }
    }
    await Promise.all([one.run(purgeRepeatedly, 0), two.run(purgeRepeatedly, 100)])
    for (const child of [one, two]) await child.run(close)
    expect(statSync(fileIn(path)).size).toBeLessThanOrEqual(MIB)
    expect((await openIn("", { storage: { path, maxDiskBytes: MIB } }).stats()).puts).toBe(60)
  })

  test("that have fallen far behind do not serve what was purged meanwhile", async () => {
    const [one, two] = await children(2, newPath())
    await one.run(putText, A, "b")
    await pollUntil(
      () => two.run(matchText, A),
      (text) => text === "b",
    )
    await two.run(async ({ shop }) => {
      await shop.purge({ tags: ["t"] })
      const tags = Array.from({ length: 5_000 }, (_, n) => `other-${n}`)
      await shop.purge({ tags })
    })
    expect(await one.run(matchText, A)).toBeUndefined()
  })
})
