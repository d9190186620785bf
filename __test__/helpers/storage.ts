import { randomUUID } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  type CacheInspection,
  type CacheModule,
  type CacheModuleOptions,
  cache,
} from "@layeron/modules"

export const MIB = 1024 * 1024

/** These tests set storage themselves, so a variable of the environment must not change it. */
delete process.env.LAYERON_CACHE_STORAGE

const root = mkdtempSync(join(tmpdir(), "layeron-storage-"))
const open = new Set<CacheModule>()

afterEach(closeAll)
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Returns a unique path at which nothing exists. It is removed after the test file. */
export function newPath(): string {
  return join(root, randomUUID())
}

/** Creates a folder with a unique path. It is removed after the test file. */
export function newFolder(): string {
  const folder = newPath()
  mkdirSync(folder, { mode: 0o700 })
  return folder
}

/** Declares the cache `shop` with its storage at `path`. It is closed after the test. */
export function openIn(path: string, options: Partial<CacheModuleOptions> = {}): CacheModule {
  return declare({ name: "shop", storage: { path }, ...options })
}

/** Declares a cache that is closed after the test. */
export function declare(options: CacheModuleOptions): CacheModule {
  const module = cache(options)
  open.add(module)
  return module
}

/** Closes all declared caches and ignores errors, which other tests check. */
export async function closeAll(): Promise<void> {
  await Promise.allSettled([...open].map((module) => module.close()))
  open.clear()
}

/** Returns the disk part of a module's inspection. @throws Error if the module has no disk. */
export async function diskOf(module: CacheModule): Promise<NonNullable<CacheInspection["disk"]>> {
  const { disk } = await module.inspect()
  if (disk === null) throw new Error(`${module.identity} has no disk`)
  return disk
}

/** Returns the path of the only file of a folder whose name ends in `ending`. */
export function fileIn(folder: string, ending = ".db"): string {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending))
  if (names.length !== 1) throw new Error(`${names.length} files end in ${ending} in ${folder}`)
  return join(folder, names[0]!)
}

/** Calls `poll` every 10 ms until `isDone` accepts its value. @throws Error after 30 seconds. */
export async function pollUntil<T>(
  poll: () => T | Promise<T>,
  isDone: (value: T) => boolean,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const value = await poll()
    if (isDone(value)) return value
    if (attempt === 3_000)
      throw new Error(`the last value after 30 seconds was ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
