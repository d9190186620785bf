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
/** Statistics of a module that has counted nothing. */
export const NO_STATS: CacheStats = { hits: 0, misses: 0, puts: 0, deletes: 0, purges: 0 }

/**
 * Declares a cache with a unique name. Instances live as long as the process, so each test uses its
 * own.
 */
export function freshCache(options: Partial<CacheModuleOptions> = {}): CacheModule {
  return cache({ name: `test-${randomUUID()}`, ...options })
}

/** Declares another module with the identity of `other`. */
export function sameIdentity(
  other: CacheModule,
  options: Partial<CacheModuleOptions> = {},
): CacheModule {
  return cache({ name: other.name, namespace: other.namespace, ...options })
}

export function url(path: string): string {
  return ORIGIN + path
}

export function get(path: string, headers: Record<string, string> = {}): Request {
  return new Request(url(path), { headers })
}

/** Returns the response that `match` finds. @throws Error on a miss. */
export async function mustMatch(module: CacheModule, request: CacheRequest): Promise<Response> {
  const response = await module.match(request)
  if (response === undefined) {
    throw new Error(`no entry for ${module.key(request)}`)
  }
  return response
}

/** Returns the body that `match` finds, or `undefined` on a miss. */
export async function bodyOf(
  module: CacheModule,
  request: CacheRequest,
): Promise<string | undefined> {
  return (await module.match(request))?.text()
}

type TimelessInspection = Omit<CacheInspection, "oldestEntrySeconds" | "disk">

/**
 * Returns the statistics and the inspection of a module without `oldestEntrySeconds`, which changes
 * with time, and `disk`, which changes asynchronously.
 */
export async function state(
  module: CacheModule,
): Promise<{ stats: CacheStats; inspection: TimelessInspection }> {
  const { oldestEntrySeconds: _, disk: __, ...inspection } = await module.inspect()
  return { stats: await module.stats(), inspection }
}

/** Returns the counts of refused puts by reason, without zeros. */
export async function refusals(
  module: CacheModule,
): Promise<Partial<Record<CacheRefusal, number>>> {
  const { refusedWrites } = await module.inspect()
  return Object.fromEntries(Object.entries(refusedWrites).filter(([, count]) => count > 0))
}

export type CodedError = Error & { code?: unknown }

/** Returns the error that `call` throws or rejects with. @throws Error if it does neither. */
export async function errorOf(call: () => unknown): Promise<CodedError> {
  try {
    await call()
  } catch (error) {
    return error as CodedError
  }
  throw new Error("nothing was thrown")
}

/** Casts a value that the types forbid. */
export function forbidden<T>(value: unknown): T {
  return value as T
}
