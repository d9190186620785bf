import { randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { join, relative } from "node:path"
import { Worker } from "node:worker_threads"
import { type CacheModuleOptions, configure } from "@layeron/modules"
import * as bad from "../helpers/bad-input"
import { bodyOf, errorOf, forbidden, url } from "../helpers/cache"
import { Child } from "../helpers/child"
import { expectRefused, nested, type Row, rows } from "../helpers/refusals"
import { declare, diskOf, MIB, newFolder, newPath } from "../helpers/storage"

const VARIABLE = "LAYERON_CACHE_STORAGE"
const CODE = "LAYERON_INVALID_OPTION"
const DEFAULT_BYTES = 128 * MIB
const DEFAULT_DISK_BYTES = 1024 * MIB

type StorageOption = CacheModuleOptions["storage"]

afterEach(() => {
  configure({})
  delete process.env[VARIABLE]
})

const uniqueName = () => `test-${randomUUID()}`

/** Declares an instance with this storage and returns its resolved settings. */
async function resolvedStorage(storage?: StorageOption) {
  const module = declare({ name: uniqueName(), storage })
  const { maxBytes, disk } = await module.inspect()
  return { maxBytes, path: disk?.path, maxDiskBytes: disk?.maxBytes }
}

const IN_MEMORY = { maxBytes: DEFAULT_BYTES, path: undefined, maxDiskBytes: undefined }
const inFolder = (path: string) => ({
  maxBytes: DEFAULT_BYTES,
  path,
  maxDiskBytes: DEFAULT_DISK_BYTES,
})

/** Places that accept a storage as text. */
const PLACES: readonly (readonly [place: string, say: (text: string) => StorageOption])[] = [
  ["the options", (text) => forbidden(text)],
  [
    "configure()",
    (text) => {
      configure({ storage: forbidden(text) })
      return undefined
    },
  ],
  [
    "the environment",
    (text) => {
      process.env[VARIABLE] = text
      return undefined
    },
  ],
]

describe("a storage", () => {
  test("is memory only by default", async () => {
    expect(await resolvedStorage()).toEqual(IN_MEMORY)
    expect(await resolvedStorage({})).toEqual(IN_MEMORY)
    expect(await resolvedStorage({ memory: {} })).toEqual(IN_MEMORY)
    configure({})
    expect(await resolvedStorage()).toEqual(IN_MEMORY)
    configure({ storage: undefined })
    process.env[VARIABLE] = ""
    expect(await resolvedStorage()).toEqual(IN_MEMORY)
  })

  test("that is new on disk has no entries and no fault", async () => {
    const path = newPath()
    const module = declare({ name: uniqueName(), storage: { path } })
    const { bytes, ...disk } = await diskOf(module)
    expect(disk).toEqual({
      path,
      entries: 0,
      maxBytes: DEFAULT_DISK_BYTES,
      evictions: 0,
      droppedWrites: 0,
      damagedReads: 0,
      setAside: null,
      fault: null,
      faultCode: null,
    })
    expect(bytes).toBeGreaterThan(0)
    expect(bytes).toBeLessThan(MIB)
  })

  test("in memory has no disk to inspect", async () => {
    expect((await declare({ name: uniqueName() }).inspect()).disk).toBeNull()
  })

  test("has the values of the options", async () => {
    const path = newPath()
    expect(await resolvedStorage({ path, maxDiskBytes: MIB, memory: { maxBytes: 5_000 } })).toEqual(
      {
        maxBytes: 5_000,
        path,
        maxDiskBytes: MIB,
      },
    )
  })

  test("has the values of configure()", async () => {
    const path = newPath()
    configure({ storage: { path, maxDiskBytes: 2 * MIB, memory: { maxBytes: 6_000 } } })
    expect(await resolvedStorage()).toEqual({ maxBytes: 6_000, path, maxDiskBytes: 2 * MIB })
  })

  test("may have bounds up to the largest integers", async () => {
    const maxInteger = Number.MAX_SAFE_INTEGER
    const path = newPath()
    const storage = { path, maxDiskBytes: maxInteger, memory: { maxBytes: maxInteger } }
    expect(await resolvedStorage(storage)).toEqual({
      maxBytes: maxInteger,
      path,
      maxDiskBytes: maxInteger,
    })
  })

  test.each(PLACES)("is the folder that a text in %s names", async (_, say) => {
    const path = newPath()
    expect(await resolvedStorage(say(`file:${path}`))).toEqual(inFolder(path))
  })

  test.each(PLACES)("is memory if a text in %s says so", async (_, say) => {
    expect(await resolvedStorage(say("memory"))).toEqual(IN_MEMORY)
  })

  test.each(PLACES)(
    "is relative to the working directory if a text in %s is a relative folder",
    async (_, say) => {
      const path = newPath()
      expect(await resolvedStorage(say(`file:${relative(process.cwd(), path)}`))).toEqual(
        inFolder(path),
      )
    },
  )

  test("is relative to the working directory if its path is relative", async () => {
    const path = newPath()
    expect(await resolvedStorage({ path: `${relative(process.cwd(), path)}/./` })).toEqual(
      inFolder(path),
    )
  })

  test("creates its folder and the parents", async () => {
    const path = join(newPath(), "a", "b")
    await resolvedStorage({ path })
    expect(existsSync(path)).toBe(true)
  })

  test("may be in a folder with any name", async () => {
    for (const name of [
      "with spaces",
      "ünïcode",
      "question?mark#hash%20",
      "'; DROP TABLE entries; --",
    ]) {
      const path = join(newFolder(), name)
      const module = declare({ name: uniqueName(), storage: { path } })
      await module.put(url("/"), new Response(name))
      await module.close()
      const again = declare({ name: module.name, storage: { path } })
      expect(await bodyOf(again, url("/"))).toBe(name)
    }
  })
})

describe("an option that is set in two places has the value of the more specific place:", () => {
  test("the options before configure()", async () => {
    const [inOptions, lessSpecific] = [newPath(), newPath()]
    configure({ storage: `file:${lessSpecific}` })
    expect(await resolvedStorage(`file:${inOptions}`)).toEqual(inFolder(inOptions))
    expect(await resolvedStorage("memory")).toEqual(IN_MEMORY)
    configure({ storage: "memory" })
    expect(await resolvedStorage(`file:${inOptions}`)).toEqual(inFolder(inOptions))
  })

  test("configure() before the environment", async () => {
    const [inOptions, lessSpecific] = [newPath(), newPath()]
    process.env[VARIABLE] = `file:${lessSpecific}`
    configure({ storage: `file:${inOptions}` })
    expect(await resolvedStorage()).toEqual(inFolder(inOptions))
    configure({ storage: "memory" })
    expect(await resolvedStorage()).toEqual(IN_MEMORY)
    configure({})
    expect(await resolvedStorage()).toEqual(inFolder(lessSpecific))
  })

  test("the options before the environment", async () => {
    const inOptions = newPath()
    process.env[VARIABLE] = `file:${newPath()}`
    expect(await resolvedStorage({ path: inOptions })).toEqual(inFolder(inOptions))
    expect(await resolvedStorage("memory")).toEqual(IN_MEMORY)
    process.env[VARIABLE] = "memory"
    expect(await resolvedStorage({ path: inOptions })).toEqual(inFolder(inOptions))
  })
})

describe("an option that is not set has the value of the next place:", () => {
  test("bounds from the options, the folder from configure() or the environment", async () => {
    const [configured, inEnvironment] = [newPath(), newPath()]
    process.env[VARIABLE] = `file:${inEnvironment}`
    const storage = { maxDiskBytes: 3 * MIB, memory: { maxBytes: 7_000 } }
    const expected = { maxBytes: 7_000, maxDiskBytes: 3 * MIB }
    expect(await resolvedStorage(storage)).toEqual({ ...expected, path: inEnvironment })
    configure({ storage: { path: configured } })
    expect(await resolvedStorage(storage)).toEqual({ ...expected, path: configured })
  })

  test("the folder in the options, the bounds from configure()", async () => {
    const path = newPath()
    configure({ storage: { maxDiskBytes: 4 * MIB, memory: { maxBytes: 8_000 } } })
    const expected = { maxBytes: 8_000, path, maxDiskBytes: 4 * MIB }
    expect(await resolvedStorage({ path })).toEqual(expected)
    expect(await resolvedStorage(`file:${path}`)).toEqual(expected)
    expect(await resolvedStorage({ path, maxDiskBytes: 5 * MIB })).toEqual({
      ...expected,
      maxDiskBytes: 5 * MIB,
    })
  })

  test("bounds in configure(), the folder from the environment", async () => {
    const path = newPath()
    process.env[VARIABLE] = `file:${path}`
    configure({ storage: { maxDiskBytes: 4 * MIB } })
    expect(await resolvedStorage()).toEqual({
      maxBytes: DEFAULT_BYTES,
      path,
      maxDiskBytes: 4 * MIB,
    })
  })

  test("memory alone in the options, its bound from configure()", async () => {
    configure({ storage: { path: newPath(), memory: { maxBytes: 9_000 } } })
    expect(await resolvedStorage("memory")).toEqual({ ...IN_MEMORY, maxBytes: 9_000 })
  })

  test("a smaller memory in the options limits maxEntryBytes to its size, whatever is configured", async () => {
    configure({ storage: { memory: { maxBytes: 50_000, maxEntryBytes: 40_000 } } })
    const module = declare({ name: uniqueName(), storage: { memory: { maxBytes: 10_000 } } })
    await module.put(url("/"), new Response("b".repeat(20_000)))
    expect((await module.inspect()).refusedWrites["too-large"]).toBe(1)
  })

  test("a larger memory in configure() allows the maxEntryBytes of the options", async () => {
    configure({ storage: { memory: { maxBytes: 512 * MIB } } })
    const storage = { memory: { maxEntryBytes: 256 * MIB } }
    expect(await resolvedStorage(storage)).toEqual({ ...IN_MEMORY, maxBytes: 512 * MIB })
  })

  test("maxEntryBytes in the options may not exceed the memory in configure()", async () => {
    configure({ storage: { memory: { maxBytes: 1_000 } } })
    const storage = { memory: { maxEntryBytes: 1_001 } }
    await expectRefused(
      () => resolvedStorage(storage),
      "cache().storage.memory.maxEntryBytes",
      CODE,
    )
  })
})

describe("configure()", () => {
  test("applies to later declarations", async () => {
    const before = declare({ name: uniqueName() })
    configure({ storage: `file:${newPath()}` })
    expect((await before.inspect()).disk).toBeNull()
    expect((await resolvedStorage()).path).toBeDefined()
  })

  test("replaces the earlier configuration as a whole", async () => {
    configure({ storage: { path: newPath(), maxDiskBytes: 2 * MIB } })
    const path = newPath()
    configure({ storage: { path } })
    expect(await resolvedStorage()).toEqual(inFolder(path))
    configure({})
    expect(await resolvedStorage()).toEqual(IN_MEMORY)
  })

  test("warns of a name that it does not know, once", () => {
    const warn = jest.spyOn(process, "emitWarning").mockImplementation()
    configure(forbidden({ store: "memory" }))
    configure(forbidden({ store: "memory" }))
    configure(forbidden({ storage: { disk: 1 } }))
    const warned = warn.mock.calls.map(([message]) => String(message).split(" ")[0])
    warn.mockRestore()
    expect(warned).toEqual(["configure().store", "configure().storage.disk"])
  })
})

const STORAGE_VALUES: bad.InvalidValues = [
  ["the word disk", "disk"],
  ["Memory", "Memory"],
  ["memory with a space", "memory "],
  ["a path", "/tmp/a"],
  ["file: and nothing", "file:"],
  ["FILE:", "FILE:/tmp/a"],
  ["file: and a null character", "file:/tmp/\0"],
  ["file: and a path of 4,097 characters", `file:${"a".repeat(4_097)}`],
]

const DISK_BYTES: bad.InvalidValues = [
  ...bad.MAX_BYTES,
  ["a negative", -1],
  ["a byte less than 1 MiB", MIB - 1],
  ["a fraction over 1 MiB", MIB + 0.5],
]

const STORAGE: Readonly<Record<string, bad.InvalidValues>> = {
  storage: [
    ...bad.OBJECT.filter(([label]) => label !== "a string"),
    ["an empty string", ""],
    ...STORAGE_VALUES,
  ],
  "storage.path": [
    ...bad.TEXT,
    ["4,097 characters", "a".repeat(4_097)],
    ["a null character", "/tmp/\0"],
  ],
  "storage.maxDiskBytes": DISK_BYTES,
  "storage.memory": bad.OBJECT,
  "storage.memory.maxBytes": bad.MAX_BYTES,
  "storage.memory.maxEntryBytes": bad.MAX_ENTRY_BYTES,
}

/** Builds storage options with an invalid value and a valid sibling, which must have no effect. */
function withValidSibling(path: string, value: unknown, folder: string): Record<string, unknown> {
  const options = nested(path, value) as { storage: unknown }
  const isPart = path !== "storage" && path !== "storage.path"
  return isPart ? { storage: { path: folder, ...(options.storage as object) } } : options
}

describe("an invalid storage is refused, and changes nothing:", () => {
  test.each<Row>(rows(STORAGE))("in a declaration, a %s of %s", async (path, _, value) => {
    const [name, folder] = [uniqueName(), newPath()]
    const options = forbidden<CacheModuleOptions>({
      name,
      ...withValidSibling(path, value, folder),
    })
    await expectRefused(() => declare(options), `cache().${path}`, CODE)
    expect(existsSync(folder)).toBe(false)
    expect((await declare({ name }).inspect()).disk).toBeNull()
  })

  test.each<Row>(rows(STORAGE))("in configure(), a %s of %s", async (path, _, value) => {
    const [before, folder] = [newPath(), newPath()]
    configure({ storage: { path: before } })
    const options = forbidden<object>(withValidSibling(path, value, folder))
    await expectRefused(() => configure(options), `configure().${path}`, CODE)
    expect(await resolvedStorage()).toEqual(inFolder(before))
  })

  test.each<bad.InvalidValues[number]>([...bad.OBJECT, ["undefined", undefined]])(
    "configure() of %s",
    async (_, value) => {
      const before = newPath()
      configure({ storage: { path: before } })
      await expectRefused(() => configure(forbidden(value)), "configure()", CODE)
      expect(await resolvedStorage()).toEqual(inFolder(before))
    },
  )

  test.each<bad.InvalidValues[number]>([
    ...STORAGE_VALUES.filter(([label]) => label !== "file: and a null character"),
    ["an object", '{"path":"/tmp/a"}'],
  ])("in the environment, %s", async (_, value) => {
    const name = uniqueName()
    process.env[VARIABLE] = String(value)
    await expectRefused(() => declare({ name }), VARIABLE, CODE)
    delete process.env[VARIABLE]
    expect((await declare({ name }).inspect()).disk).toBeNull()
  })

  test("in a declaration with another invalid option, a valid storage creates no folder", async () => {
    const path = newPath()
    const options = { name: uniqueName(), storage: { path }, ttlSeconds: -1 }
    await expectRefused(() => declare(options), "cache().ttlSeconds", CODE)
    expect(existsSync(path)).toBe(false)
  })
})

describe("one identity has one storage:", () => {
  const refusal = "LAYERON_STORAGE_CONFLICT"

  test.each<[string, (path: string) => StorageOption]>([
    ["in another folder", () => ({ path: newPath() })],
    ["with another bound of the disk", (path) => ({ path, maxDiskBytes: MIB })],
    ["with another bound of the memory", (path) => ({ path, memory: { maxBytes: MIB } })],
    ["in memory only", () => "memory"],
    ["without a storage", () => undefined],
  ])("a second declaration %s throws, and the first goes on", async (_, storageOf) => {
    const [name, path] = [uniqueName(), newPath()]
    const first = declare({ name, storage: { path } })
    await first.put(url("/"), new Response("kept"))
    const storage = storageOf(path)
    const error = await errorOf(() => declare({ name, storage }))
    expect(error.code).toBe(refusal)
    expect(error.message).toContain(`default/${name}`)
    expect(error.message).toContain(path)
    expect(await bodyOf(first, url("/"))).toBe("kept")
    await first.close()
    const next = declare({ name, storage })
    const isInSameFolder = (await next.inspect()).disk?.path === path
    expect(await bodyOf(next, url("/"))).toBe(isInSameFolder ? "kept" : undefined)
  })

  test("a second declaration with the same resolved storage is the same instance", async () => {
    const [name, path] = [uniqueName(), newPath()]
    const first = declare({ name, storage: { path } })
    await first.put(url("/"), new Response("kept"))
    configure({ storage: `file:${path}` })
    process.env[VARIABLE] = "memory"
    const same: StorageOption[] = [
      undefined,
      {},
      `file:${path}`,
      `file:${path}/`,
      { path: relative(process.cwd(), path) },
      { path: join(path, "..", path.split("/").at(-1)!) },
      { path, maxDiskBytes: DEFAULT_DISK_BYTES, memory: { maxBytes: DEFAULT_BYTES } },
    ]
    for (const storage of same)
      expect(await bodyOf(declare({ name, storage }), url("/"))).toBe("kept")
  })

  test("a declaration in a folder throws if there is one in memory", async () => {
    const [name, path] = [uniqueName(), newPath()]
    declare({ name })
    configure({ storage: { path } })
    expect((await errorOf(() => declare({ name }))).code).toBe(refusal)
    expect(existsSync(path)).toBe(false)
  })

  test("two identities each have their own file in one folder", async () => {
    const path = newPath()
    const names = ["a.b", "a-b", "a_b", "a.b-"]
    const modules = names.flatMap((name) => [
      declare({ name, storage: { path } }),
      declare({ name, namespace: "other", storage: { path } }),
    ])
    for (const module of modules) await module.put(url("/"), new Response(module.identity))
    await Promise.all(modules.map((module) => module.close()))
    for (const { name, namespace, identity } of modules) {
      const again = declare({ name, namespace, storage: { path } })
      expect(await bodyOf(again, url("/"))).toBe(identity)
      expect((await diskOf(again)).entries).toBe(1)
    }
  })
})

describe("a thread", () => {
  /**
   * Returns the storage of an instance in a new thread, and in a thread that this thread starts.
   */
  async function inThreads(name: string): Promise<unknown[]> {
    const code = `
      const { parentPort, Worker, workerData } = require("node:worker_threads")
      const { cache } = require("@layeron/modules")
      const tell = async () => {
        const { maxBytes, disk } = await cache({ name: workerData.name }).inspect()
        parentPort.postMessage({ maxBytes, path: disk?.path, maxDiskBytes: disk?.maxBytes })
      }
      tell()
      if (workerData.next !== undefined) {
        const { next, ...rest } = workerData
        const worker = new Worker(next, { eval: true, workerData: rest })
        worker.on("message", (message) => parentPort.postMessage(message))
      }
    `
    const worker = new Worker(code, {
      eval: true,
      env: process.env,
      workerData: { name, next: code },
    })
    const described: unknown[] = []
    await new Promise<void>((resolve, reject) => {
      worker.on("error", reject)
      worker.on("message", (message) => {
        described.push(message)
        if (described.length === 2) resolve()
      })
    })
    await worker.terminate()
    return described
  }

  test("started after configure() has the configured storage, and so has a thread that it starts", async () => {
    const path = newPath()
    configure({ storage: { path, maxDiskBytes: 2 * MIB, memory: { maxBytes: 30_000 } } })
    const expected = { maxBytes: 30_000, path, maxDiskBytes: 2 * MIB }
    expect(await inThreads(uniqueName())).toEqual([expected, expected])
  })

  test("started after memory was configured has no disk, even if the environment sets one", async () => {
    process.env[VARIABLE] = `file:${newPath()}`
    configure({ storage: "memory" })
    expect(await inThreads(uniqueName())).toEqual([IN_MEMORY, IN_MEMORY])
  })

  test("shares the disk of the process", async () => {
    const [name, path] = [uniqueName(), newPath()]
    configure({ storage: { path } })
    const module = declare({ name })
    await inThreads(name)
    await module.put(url("/"), new Response("kept"))
    expect(await bodyOf(module, url("/"))).toBe("kept")
    expect((await diskOf(module)).fault).toBeNull()
  })
})

test("a process uses the storage of its environment from the beginning", async () => {
  const path = newPath()
  const child = new Child({ env: { [VARIABLE]: `file:${path}` } })
  const disk = await child.run(async ({ cache }) => (await cache({ name: "shop" }).inspect()).disk)
  expect(disk).toMatchObject({ path, maxBytes: DEFAULT_DISK_BYTES, fault: null })
})
