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

/** Nothing that the environment of the tests says of storage counts in them. */
delete process.env.LAYERON_CACHE_STORAGE

const root = mkdtempSync(join(tmpdir(), "layeron-storage-"))
const open = new Set<CacheModule>()

afterEach(closeAll)
afterAll(() => rmSync(root, { recursive: true, force: true }))

/**
 * The path of a folder that nobody else has and that is not there yet. All go when the tests are
 * over.
 */
export function newPath(): string {
  return join(root, randomUUID())
}

/** The same, and it is there. */
export function newFolder(): string {
  const folder = newPath()
  mkdirSync(folder, { mode: 0o700 })
  return folder
}

/** A declaration of one identity for all tests of a folder. It is closed after the test. */
export function openIn(path: string, options: Partial<CacheModuleOptions> = {}): CacheModule {
  return declared({ name: "shop", storage: { path }, ...options })
}

/** A declaration that is closed after the test. */
export function declared(options: CacheModuleOptions): CacheModule {
  const module = cache(options)
  open.add(module)
  return module
}

/** Closes what is open; what cannot be kept is for the tests that are about that. */
export async function closeAll(): Promise<void> {
  await Promise.allSettled([...open].map((module) => module.close()))
  open.clear()
}

/** What can be seen of the disk of a module, which there has to be. */
export async function diskOf(module: CacheModule): Promise<NonNullable<CacheInspection["disk"]>> {
  const { disk } = await module.inspect()
  if (disk === null) throw new Error(`${module.identity} has no disk`)
  return disk
}

/** The path of the only file of a folder whose name ends so. */
export function fileIn(folder: string, ending = ".db"): string {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending))
  if (names.length !== 1) throw new Error(`${names.length} files end in ${ending} in ${folder}`)
  return join(folder, names[0]!)
}

/** Asks until it is so. What comes by and by has half a minute for it. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  isSo: (value: T) => boolean,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const value = await ask()
    if (isSo(value)) return value
    if (attempt === 3_000) throw new Error(`it has come to no more than ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
