import { randomUUID } from "node:crypto"
import {
  type CacheInspection,
  type CacheModule,
  type CacheModuleOptions,
  type CacheRefusal,
  type CacheRequest,
  type CacheStats,
  cache,
} from "@layeron/modules"

export const ORIGIN = "https://api.example.com"
/** Nothing has been counted. */
export const NO_STATS: CacheStats = { hits: 0, misses: 0, puts: 0, deletes: 0, purges: 0 }

/** Instances live as long as the process, so each test takes one that nobody else has. */
export function freshCache(options: Partial<CacheModuleOptions> = {}): CacheModule {
  return cache({ name: `test-${randomUUID()}`, ...options })
}

/** A declaration beside `other`, of the same identity. */
export function beside(other: CacheModule, options: Partial<CacheModuleOptions> = {}): CacheModule {
  return cache({ name: other.name, namespace: other.namespace, ...options })
}

export function url(path: string): string {
  return ORIGIN + path
}

export function get(path: string, headers: Record<string, string> = {}): Request {
  return new Request(url(path), { headers })
}

/** The response that `match` finds, which there has to be. */
export async function found(module: CacheModule, request: CacheRequest): Promise<Response> {
  const response = await module.match(request)
  if (response === undefined) {
    throw new Error(`no entry for ${module.key(request)}`)
  }
  return response
}

/** The body that `match` finds, or `undefined` on a miss. */
export async function bodyOf(
  module: CacheModule,
  request: CacheRequest,
): Promise<string | undefined> {
  return (await module.match(request))?.text()
}

type TimelessInspection = Omit<CacheInspection, "oldestEntrySeconds" | "disk">

/**
 * Everything that can be seen of a module from outside, but for what changes with time alone, and
 * what a disk has by now.
 */
export async function state(
  module: CacheModule,
): Promise<{ stats: CacheStats; inspection: TimelessInspection }> {
  const { oldestEntrySeconds: _, disk: __, ...inspection } = await module.inspect()
  return { stats: await module.stats(), inspection }
}

/** How often a reason kept a response out; the other reasons have to be at 0. */
export async function refusals(
  module: CacheModule,
): Promise<Partial<Record<CacheRefusal, number>>> {
  const { refusedWrites } = await module.inspect()
  return Object.fromEntries(Object.entries(refusedWrites).filter(([, count]) => count > 0))
}

export type CodedError = Error & { code?: unknown }

/** What `call` throws or rejects with. */
export async function failureOf(call: () => unknown): Promise<CodedError> {
  try {
    await call()
  } catch (error) {
    return error as CodedError
  }
  throw new Error("nothing was thrown")
}

/** A value that the types forbid. */
export function forbidden<T>(value: unknown): T {
  return value as T
}
