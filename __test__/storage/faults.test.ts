import { execFileSync } from "node:child_process"
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { basename, join } from "node:path"
import type { CacheModule } from "@layeron/modules"
import { bodyOf, errorOf, get, NO_STATS, url } from "../helpers/cache"
import { Child, type ChildContext } from "../helpers/child"
import { Random, seeds } from "../helpers/random"
import {
  closeAll,
  declare,
  diskOf,
  fileIn,
  MIB,
  newFolder,
  newPath,
  openIn,
  pollUntil,
} from "../helpers/storage"

const FAILED = "LAYERON_STORAGE_FAILED"
const DAMAGED = "LAYERON_STORAGE_DAMAGED"

/** Error codes by the fault codes of `inspect()`. */
const CODES = {
  busy: "LAYERON_STORAGE_BUSY",
  full: "LAYERON_STORAGE_FULL",
  damaged: DAMAGED,
  incompatible: "LAYERON_STORAGE_INCOMPATIBLE",
  removed: FAILED,
  closed: "LAYERON_CLOSED",
  panicked: "LAYERON_STORAGE_FAILED",
  io: FAILED,
} as const

type FaultCode = keyof typeof CODES
const PAGE = 4_096

const SIZES = [0, 10, 100, 1_000, 3_000, 5_000, 9_000, 20_000]
const BODIES = new Map(SIZES.map((size, n) => [url(`/${n}`), `${n}`.repeat(size)]))

let prepared: string
let warn: jest.SpyInstance

beforeAll(async () => {
  prepared = newFolder()
  const module = openIn(prepared, { ttlSeconds: 36_000 })
  for (const [at, body] of BODIES)
    await module.put(at, new Response(body), { tags: ["all", `of ${at}`] })
  await closeAll()
})

beforeEach(() => {
  warn = jest.spyOn(process, "emitWarning").mockImplementation()
})

afterEach(() => warn.mockRestore())

/** Returns the code and text of each warning since the test began. */
const warnings = () => warn.mock.calls.map(([message, options]) => [options?.code, String(message)])

/** Creates a folder with the entries {@link BODIES} and applies `change` to its file. */
function folderWithChange(change: (file: string) => void): string {
  const folder = newFolder()
  const file = join(folder, basename(fileIn(prepared)))
  copyFileSync(fileIn(prepared), file)
  change(file)
  return folder
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const content = readFileSync(file)
  content.set(bytes, at)
  writeFileSync(file, content)
}

/** Counts the entries that are found, and expects each to have the body that was put. */
async function countWhole(module: CacheModule): Promise<number> {
  let whole = 0
  for (const [at, body] of BODIES) {
    const found = await bodyOf(module, at)
    if (found === undefined) continue
    expect(found === body).toBe(true)
    whole += 1
  }
  return whole
}

/** Expects an instance whose disk works to put, match and purge. */
async function expectWorks(module: CacheModule): Promise<void> {
  const at = url("/works")
  await module.put(at, new Response("works"), { tags: ["works"] })
  expect(await bodyOf(module, at)).toBe("works")
  expect(await module.purge({ tags: ["works"] })).toEqual({ purged: 1 })
  expect(await module.match(at)).toBeUndefined()
  expect(await diskOf(module)).toMatchObject({ fault: null, droppedWrites: 0 })
}

/** Expects a call to fail because of a disk fault. */
async function expectFailed(
  call: () => Promise<unknown>,
  cause: RegExp,
  code: FaultCode,
): Promise<void> {
  const error = await errorOf(call)
  expect(error.code).toBe(CODES[code])
  expect(error).not.toBeInstanceOf(TypeError)
  expect(error.message).toMatch(cause)
}

/** Expects an instance with an unusable disk to work in memory and to warn of the cause once. */
async function expectMemoryAlone(
  module: CacheModule,
  path: string,
  cause: RegExp,
  code: FaultCode,
): Promise<void> {
  // A new `Request` each time: a string would count as the miss of each later put of its key.
  const at = () => get("/in-memory")
  expect(await module.match(at())).toBeUndefined()
  await module.put(at(), new Response("in memory"), { tags: ["t"] })
  expect(await bodyOf(module, at())).toBe("in memory")
  expect(await module.stats()).toEqual({ ...NO_STATS, hits: 1, misses: 1, puts: 1 })
  const { disk } = await module.inspect()
  expect(disk).toMatchObject({ path, entries: 0, bytes: 0, evictions: 0, droppedWrites: 1 })
  expect(disk?.fault).toMatch(cause)
  expect(disk?.faultCode).toBe(code)
  await expectFailed(() => module.purge({ tags: ["t"] }), cause, code)
  expect(await module.match(at())).toBeUndefined()
  await expectFailed(() => module.delete(at()), cause, code)
  await module.put(at(), new Response("in memory again"))
  expect(await bodyOf(module, at())).toBe("in memory again")
  const handler = module.wrap(
    () => new Response("run", { headers: { "cache-control": "max-age=60" } }),
  )
  expect(await (await handler(get("/wrapped"))).text()).toBe("run")
  expect((await module.explain(at())).outcome).toBe("hit")
  expect(warnings()).toEqual([[FAILED, expect.stringContaining(module.identity)]])
  expect(warnings()[0]?.[1]).toMatch(cause)
}

const damagedIn = (folder: string) =>
  readdirSync(folder).filter((name) => name.includes(".db.damaged-"))

test("an entry is found before the disk fails", async () => {
  const module = openIn(folderWithChange(() => {}))
  expect(await countWhole(module)).toBe(BODIES.size)
  await expectWorks(module)
  expect(warnings()).toEqual([])
})

test("a file of another cache is quarantined, and a new one is created", async () => {
  const folder = newFolder()
  const other = declare({ name: "other", storage: { path: folder } })
  await other.close()
  copyFileSync(fileIn(prepared), fileIn(folder))
  const module = declare({ name: "other", storage: { path: folder } })
  await expectWorks(module)
  const [quarantined] = damagedIn(folder)
  expect((await diskOf(module)).setAside).toBe(join(folder, quarantined as string))
  expect(warnings()).toEqual([
    [FAILED, expect.stringContaining(`renamed to ${join(folder, quarantined as string)}`)],
  ])
})

describe("a file that was truncated", () => {
  // On some file systems an empty database file has one byte.
  test.each([0, 1])("to %i bytes is created again", async (length) => {
    const folder = folderWithChange((file) => truncateSync(file, length))
    const module = openIn(folder)
    expect(await countWhole(module)).toBe(0)
    await expectWorks(module)
    expect(damagedIn(folder)).toEqual([])
  })

  test.each(seeds(1))(
    "at any length is quarantined unchanged, and a new one is created (seed %i)",
    async (seed) => {
      const random = new Random(seed)
      const { size } = statSync(fileIn(prepared))
      const pages = Array.from({ length: size / PAGE - 1 }, (_, page) => (page + 1) * PAGE)
      const lengths = new Set([
        ...[2, 15, 16, 99, 100, 101, 511, 512, 513, PAGE - 1, PAGE + 1, size - PAGE + 1, size - 1],
        ...pages,
        ...Array.from({ length: 40 }, () => 2 + random.below(size - 2)),
      ])
      for (const length of lengths) {
        const folder = folderWithChange((file) => truncateSync(file, length))
        const module = openIn(folder)
        expect([length, await countWhole(module)]).toEqual([length, 0])
        await expectWorks(module)
        await module.put(url("/0"), new Response("new"))
        await module.close()
        const quarantined = damagedIn(folder)
        expect([length, quarantined.length]).toEqual([length, 1])
        const quarantinedBytes = readFileSync(join(folder, quarantined[0]!))
        expect(quarantinedBytes.equals(readFileSync(fileIn(prepared)).subarray(0, length))).toBe(
          true,
        )
        const again = openIn(folder)
        expect(await bodyOf(again, url("/0"))).toBe("new")
        await again.close()
        expect(damagedIn(folder)).toEqual(quarantined)
      }
      const reopened = [
        FAILED,
        expect.stringMatching(/ has a new file on disk: .* renamed to .*\.db\.damaged-/),
      ]
      expect(warnings()).toEqual([...lengths].map(() => reopened))
    },
  )
})

describe("a file with a changed byte", () => {
  /** Flips bits of a byte of the file and returns what an instance makes of it. */
  async function withFlippedByte(
    at: number,
    mask: number,
  ): Promise<{ whole: number; fault: string | null }> {
    const folder = folderWithChange((file) => {
      const content = readFileSync(file)
      content[at]! ^= mask
      writeFileSync(file, content)
    })
    const module = openIn(folder)
    const whole = await countWhole(module)
    await module.put(url("/new"), new Response("new"))
    expect(await bodyOf(module, url("/new"))).toBe("new")
    // The purge may succeed or fail, but the entry must not be served again.
    const purged = await module.purge({ request: url("/new") }).catch(({ code }) => code)
    expect(await module.match(url("/new"))).toBeUndefined()
    const { fault, faultCode } = await diskOf(module)
    if (typeof purged === "string") expect(purged).toBe(CODES[faultCode!])
    expect(await module.close()).toBeUndefined()
    if (fault !== null && /malformed|not a database|corrupt/.test(fault)) {
      const again = openIn(folder)
      expect(await countWhole(again)).toBe(0)
      await expectWorks(again)
      await again.close()
      expect(damagedIn(folder)).toHaveLength(1)
    }
    return { whole, fault }
  }

  test.each(seeds(1))(
    "never causes a wrong response, wherever the byte is, and most entries survive one changed byte (seed %i)",
    async (seed) => {
      const random = new Random(seed)
      const { size } = statSync(fileIn(prepared))
      let whole = 0
      for (let n = 0; n < 900; n++) {
        const [at, mask] = [random.below(size), 1 << random.below(8)]
        const outcome = await withFlippedByte(at, mask).catch((cause) => {
          throw new Error(`byte ${at} changed by ${mask}`, { cause })
        })
        whole += outcome.whole
      }
      expect(whole).toBeGreaterThan(900 * BODIES.size * 0.5)
    },
    120_000,
  )

  test("never causes a wrong response if the byte is in the file's header", async () => {
    for (let at = 0; at < 110; at++) {
      await withFlippedByte(at, 1 << (at % 8)).catch((cause) => {
        throw new Error(`byte ${at} changed`, { cause })
      })
    }
  }, 60_000)

  test("in a page that a lookup reads has no entries from then on, causes one warning, and is quarantined at the next open", async () => {
    const folder = folderWithChange(() => {})
    const module = openIn(folder)
    const file = fileIn(folder)
    const { size } = statSync(file)
    overwrite(file, 2 * PAGE, new Uint8Array(size - 2 * PAGE).fill(0xa5))
    await countWhole(module)
    const fault = await pollUntil(
      async () => {
        await module.put(url("/new"), new Response("new"))
        await module.match(url("/none"))
        return (await diskOf(module)).fault
      },
      (fault) => fault !== null,
    )
    expect(fault).toMatch(/malformed/)
    expect(await bodyOf(module, url("/new"))).toBe("new")
    await expectFailed(() => module.purge({ everything: true }), /malformed/, "damaged")
    expect(await module.match(url("/new"))).toBeUndefined()
    await pollUntil(warnings, ({ length }) => length > 0)
    await module.close()
    const again = openIn(folder)
    expect(await countWhole(again)).toBe(0)
    await expectWorks(again)
    expect(damagedIn(folder)).toHaveLength(1)
    expect(warnings()).toEqual([
      [FAILED, expect.stringMatching(/default\/shop .*malformed/)],
      [FAILED, expect.stringContaining(` renamed to ${join(folder, damagedIn(folder)[0]!)}`)],
    ])
  })
})

/** Creates a file with a changed four-byte integer in its header. */
function fileWithPatchedHead(at: number, value: number): string {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return folderWithChange((file) => overwrite(file, at, bytes))
}

const USER_VERSION = 60
const APPLICATION_ID = 68

/** Unusable files: description, path, message and fault code. */
const UNUSABLE: [string, () => string, RegExp, FaultCode][] = [
  [
    "of a later format",
    () => fileWithPatchedHead(USER_VERSION, 3),
    /\.db: is of an unknown format, and is left alone/,
    "incompatible",
  ],
  [
    "of no format",
    () => fileWithPatchedHead(USER_VERSION, 0),
    /\.db: is of an unknown format, and is left alone/,
    "incompatible",
  ],
  [
    "of something else",
    () => fileWithPatchedHead(APPLICATION_ID, 7),
    /\.db: is of an unknown format, and is left alone/,
    "incompatible",
  ],
  [
    "in the place of which there is a folder",
    () => {
      const folder = newFolder()
      mkdirSync(join(folder, basename(fileIn(prepared))))
      return folder
    },
    /\.db: /,
    "io",
  ],
  [
    "in a folder in whose place there is a file",
    () => {
      const path = newPath()
      writeFileSync(path, "a file")
      return path
    },
    /File exists|Not a directory/,
    "io",
  ],
  [
    "in a folder that cannot be made under a file",
    () => {
      const path = newPath()
      writeFileSync(path, "a file")
      return join(path, "folder")
    },
    /Not a directory/,
    "io",
  ],
  [
    "in a folder that the group can write to",
    () => {
      const folder = folderWithChange(() => {})
      chmodSync(folder, 0o770)
      return folder
    },
    /can be written by other users \(mode 770\): chmod go-w/,
    "incompatible",
  ],
  [
    "behind a symbolic link",
    () => {
      const folder = newFolder()
      symlinkSync(fileIn(prepared), join(folder, basename(fileIn(prepared))))
      return folder
    },
    /\.db: is a symbolic link/,
    "incompatible",
  ],
]

/** Unusable files that only root can create. */
const OF_ANOTHER_USER: typeof UNUSABLE = [
  [
    "of another user",
    () => folderWithChange((file) => chownSync(file, 12_345, 12_345)),
    /\.db: belongs to user 12345, not to 0/,
    "incompatible",
  ],
  [
    "in a folder of another user",
    () => {
      const folder = folderWithChange(() => {})
      chownSync(folder, 12_345, 12_345)
      return folder
    },
    /belongs to user 12345, not to 0/,
    "incompatible",
  ],
]

describe("with a file that cannot be used the cache works in memory only, and reports why:", () => {
  const isRoot = process.getuid?.() === 0
  const unusable = isRoot ? [...UNUSABLE, ...OF_ANOTHER_USER] : UNUSABLE

  test.each(unusable)("%s", async (_, prepare, cause, code) => {
    const path = prepare()
    const before = contents(path)
    const module = openIn(path)
    await expectMemoryAlone(module, path, cause, code)
    const second = openIn(path)
    await expectFailed(() => second.purge({ everything: true }), cause, code)
    expect(warnings()).toHaveLength(1)
    await module.close()
    await second.close()
    expect(contents(path)).toEqual(before)
  })

  /** Returns the names and bytes of a folder's database files. */
  function contents(path: string): [string, string][] {
    try {
      const names = readdirSync(path).filter(
        (name) => /\.db/.test(name) && !/-(wal|shm)$/.test(name),
      )
      const isFile = (name: string) => statSync(join(path, name)).isFile()
      return names
        .filter(isFile)
        .map((name) => [name, readFileSync(join(path, name)).toString("hex")])
    } catch {
      return []
    }
  }

  test("until the cause is removed", async () => {
    const path = newPath()
    writeFileSync(path, "a file")
    const module = openIn(path)
    await expectFailed(() => module.purge({ everything: true }), /./, "io")
    await module.close()
    renameSync(path, `${path}.old`)
    await expectWorks(openIn(path))
  })

  test("and uses it by itself once the cause is removed, after it has emptied memory", async () => {
    const path = newPath()
    writeFileSync(path, "a file")
    const module = openIn(path)
    await module.put(url("/a"), new Response("in memory"))
    expect(await bodyOf(module, url("/a"))).toBe("in memory")
    renameSync(path, `${path}.old`)
    await pollUntil(warnings, (seen) => seen.at(-1)?.[0] === "LAYERON_STORAGE_RECOVERED")
    expect(warnings().map(([code]) => code)).toEqual([FAILED, "LAYERON_STORAGE_RECOVERED"])
    expect((await diskOf(module)).fault).toBeNull()
    expect(await module.match(url("/a"))).toBeUndefined()
    await module.put(url("/a"), new Response("on disk"), { tags: ["a"] })
    expect(await module.purge({ tags: ["a"] })).toEqual({ purged: 1 })
  })
})

describe("a process that opens a file with another maxDiskBytes than a process that has it open", () => {
  const declare = (context: ChildContext, path: string, maxDiskBytes: number) => {
    context.shop = context.cache({ name: "shop", ttlSeconds: 600, storage: { path, maxDiskBytes } })
  }
  const A = url("/a")

  test("works in memory only and serves nothing that the other purges, and the other continues", async () => {
    const path = newPath()
    const child = new Child()
    await child.run(declare, path, 2 * MIB)
    await child.run(
      ({ shop }, at) => shop.put(at, new Response("of the other"), { tags: ["t"] }),
      A,
    )
    const module = openIn("", { storage: { path, maxDiskBytes: MIB } })
    const cause = /\.db: is open in another process with maxDiskBytes 2097152/
    await expectMemoryAlone(module, path, cause, "incompatible")
    expect((await diskOf(module)).maxBytes).toBe(MIB)
    await module.put(A, new Response("of this one"), { tags: ["t"] })
    expect(await bodyOf(module, A)).toBe("of this one")
    expect(await child.run(({ shop }) => shop.purge({ tags: ["t"] }))).toEqual({ purged: 1 })
    expect(await module.match(A)).toBeUndefined()
    expect(await child.run(async ({ shop }) => (await shop.inspect()).disk?.fault)).toBeNull()
  })

  test("can use it when the other has closed it", async () => {
    const path = newPath()
    const child = new Child()
    await child.run(declare, path, 2 * MIB)
    await child.run(({ shop }, at) => shop.put(at, new Response("kept")), A)
    await child.end()
    const module = openIn("", { storage: { path, maxDiskBytes: MIB } })
    expect(await bodyOf(module, A)).toBe("kept")
    await expectWorks(module)
  })

  test("evicts the oldest entries until the file fits the smaller bound", async () => {
    const path = newPath()
    const module = openIn("", { storage: { path, maxDiskBytes: 4 * MIB } })
    for (let n = 0; n < 60; n++) await module.put(url(`/${n}`), new Response("b".repeat(50_000)))
    await module.close()
    expect(statSync(fileIn(path)).size).toBeGreaterThan(2 * MIB)
    const smallStore = openIn("", { storage: { path, maxDiskBytes: MIB } })
    for (let n = 100; n < 110; n++) {
      await smallStore.put(url(`/${n}`), new Response("n".repeat(1_000)))
      // Closing another declaration writes the queue to disk.
      await openIn("", { storage: { path, maxDiskBytes: MIB } }).close()
    }
    const { entries, bytes } = await diskOf(smallStore)
    expect(bytes).toBeLessThanOrEqual(MIB)
    expect(entries).toBeGreaterThan(20)
    expect(await smallStore.match(url("/0"))).toBeUndefined()
    expect(await bodyOf(smallStore, url("/59"))).toBe("b".repeat(50_000))
    await smallStore.close()
    expect(statSync(fileIn(path)).size).toBeLessThanOrEqual(MIB)
  })
})

describe("a disk that is full", () => {
  /** Puts more than the file size limit allows, and then calls every operation. */
  const fillDisk = async (context: ChildContext, path: string) => {
    const { cache, warnings } = context
    const shop = cache({ name: "shop", ttlSeconds: 600, storage: { path } })
    context.shop = shop
    const at = (n: number) => `https://api.example.com/${n}`
    const text = (n: number) => `${n} `.repeat(20_000)
    await shop.put(at(-1), new Response("purged"))
    const before = await shop.purge({ request: at(-1) })
    let fault: string | null = null
    let puts = 0
    for (; fault === null && puts < 1_000; puts++) {
      await shop.put(at(puts), new Response(text(puts)))
      await new Promise((resolve) => setTimeout(resolve, 5))
      fault = (await shop.inspect()).disk?.fault ?? null
    }
    const found: boolean[] = []
    for (let n = 0; n < puts; n++) found.push((await (await shop.match(at(n)))?.text()) === text(n))
    const none = await shop.match(at(-1))
    const code = await shop.purge({ request: at(0) }).then(
      () => "purged",
      (error) => error.code,
    )
    const purged = await shop.match(at(0))
    const deleted = await shop.delete(at(1)).then(
      () => "deleted",
      (error) => error.code,
    )
    await shop.put(new Request(at(1)), new Response("again"))
    const again = await (await shop.match(at(1)))?.text()
    while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 50))
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const isFound = found.every(Boolean)
    const isGone = none === undefined && purged === undefined
    return { before, fault, isFound, isGone, code, deleted, again, warnings: [...warnings] }
  }

  test("serves entries in memory, rejects purges, warns, and keeps the written entries", async () => {
    const path = newPath()
    const child = new Child({ shellCommand: "ulimit -f 4000" })
    const { fault, warnings, ...rest } = await child.run(fillDisk, path)
    expect(rest).toEqual({
      before: { purged: 1 },
      isFound: true,
      isGone: true,
      code: FAILED,
      deleted: FAILED,
      again: "again",
    })
    expect(fault).toMatch(/disk|full|I\/O/)
    const failed = { code: FAILED, message: `default/shop does not use its disk: ${fault}` }
    expect(warnings[0]).toEqual(failed)
    await child.end()
    const module = openIn(path)
    expect(await module.match(url("/-1"))).toBeUndefined()
    const { entries } = await diskOf(module)
    expect(entries).toBeGreaterThan(3)
    let whole = 0
    for (let n = 2; n < entries; n++) {
      const body = await bodyOf(module, url(`/${n}`))
      if (body === undefined) continue
      expect(body === `${n} `.repeat(20_000)).toBe(true)
      whole += 1
    }
    expect(whole).toBeGreaterThan(1)
    await expectWorks(module)
  }, 60_000)

  test("works again when it has space, and repeats rejected purges", async () => {
    const path = newPath()
    const child = new Child({ shellCommand: "ulimit -S -f 4000" })
    const { code, warnings } = await child.run(fillDisk, path)
    expect(code).toBe(FAILED)
    expect(warnings[0]?.code).toBe(FAILED)
    const pid = await child.run(() => process.pid)
    execFileSync("prlimit", [`--pid=${pid}`, "--fsize=unlimited"])
    const after = await child.run(async ({ shop, warnings }) => {
      const waitUntil = Date.now() + 50_000
      const isBroken = async () => (await shop.inspect()).disk?.fault !== null
      const isRecovered = () => warnings.at(-1)?.code === "LAYERON_STORAGE_RECOVERED"
      while ((await isBroken()) || !isRecovered()) {
        if (Date.now() > waitUntil) throw new Error(JSON.stringify(await shop.inspect()))
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      await shop.put("https://api.example.com/late", new Response("late"), { tags: ["late"] })
      const purged = await shop.purge({ tags: ["late"] })
      return { purged, message: warnings.at(-1)?.message }
    })
    expect(after).toEqual({
      purged: { purged: 1 },
      message: "default/shop uses its disk again",
    })
    await child.end()
    const module = openIn(path)
    expect(await module.match(url("/0"))).toBeUndefined()
    expect((await bodyOf(module, url("/3"))) === "3 ".repeat(20_000)).toBe(true)
    await expectWorks(module)
  }, 90_000)

  test("from the beginning limits the cache to memory", async () => {
    const path = newPath()
    const child = new Child({ shellCommand: "ulimit -f 16" })
    const results = await child.run(async ({ cache, warnings }, path) => {
      const shop = cache({ name: "shop", storage: { path } })
      await shop.put("https://api.example.com/", new Response("in memory"))
      const found = await (await shop.match("https://api.example.com/"))?.text()
      const code = await shop.purge({ everything: true }).catch((error) => error.code)
      const { disk } = await shop.inspect()
      await new Promise((resolve) => setTimeout(resolve, 10))
      return {
        found,
        code,
        hasFault: disk?.fault !== null,
        codes: warnings.map(({ code }) => code),
      }
    }, path)
    expect(results).toEqual({ found: "in memory", code: FAILED, hasFault: true, codes: [FAILED] })
  })
})

describe("an entry larger than the disk", () => {
  test("is kept in memory and not written, which is counted, and evicts nothing unnecessarily", async () => {
    const path = newPath()
    const storage = { path, maxDiskBytes: MIB }
    const module = openIn("", { storage })
    await module.put(url("/small"), new Response("small"))
    await module.put(url("/large"), new Response("l".repeat(2 * MIB)))
    await openIn("", { storage }).close()
    expect(await diskOf(module)).toMatchObject({
      entries: 1,
      evictions: 0,
      droppedWrites: 1,
      fault: null,
    })
    expect((await bodyOf(module, url("/large")))?.length).toBe(2 * MIB)
    await module.close()
    const again = openIn("", { storage })
    expect(await bodyOf(again, url("/small"))).toBe("small")
    expect(await again.match(url("/large"))).toBeUndefined()
  })
})

describe("files on disk are readable by their owner only", () => {
  test("under any umask", async () => {
    const path = join(newFolder(), "a", "b")
    const child = new Child({ shellCommand: "umask 000" })
    await child.run(async ({ cache }, path) => {
      const shop = cache({ name: "shop", storage: { path } })
      await shop.put("https://api.example.com/", new Response("b"))
      await shop.purge({ tags: ["t"] })
    }, path)
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8)
    expect([mode(path), mode(join(path, ".."))]).toEqual(["700", "700"])
    const modes = new Set(readdirSync(path).map((name) => mode(join(path, name))))
    expect([...modes]).toEqual(["600"])
    expect(readdirSync(path).map((name) => name.split(".").at(-1))).toEqual(
      expect.arrayContaining(["db", "db-wal", "db-shm", "shared"]),
    )
  })

  test("even if it is quarantined", async () => {
    const folder = folderWithChange((file) => {
      truncateSync(file, 10_000)
      chmodSync(file, 0o600)
    })
    await expectWorks(openIn(folder))
    expect(statSync(join(folder, damagedIn(folder)[0]!)).mode & 0o777).toBe(0o600)
  })
})
