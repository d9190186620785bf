import type {
  CacheModule,
  CacheModuleOptions,
  CachePurgeSelector,
  CachePutOptions,
  CacheRequest,
} from "@layeron/modules"
import { freshCache, url } from "./cache"
import { setClock } from "./clock"

/** Path and URL of the entry that most tests use. */
export const PATH = "/p/1"
export const AT = url(PATH)
export const TTL = 60
export const WINDOW = 300
/** Fresh for a minute, then served stale for five. */
export const POLICY = { ttlSeconds: TTL, staleWhileRevalidateSeconds: WINDOW }

/**
 * Creates a module whose entry `old`, put at {@link START}, has been stale for one second. Needs
 * `stopDate()`.
 */
export async function staleModule(
  request: CacheRequest = AT,
  options: Partial<CacheModuleOptions> = {},
): Promise<CacheModule> {
  const module = freshCache({ ...POLICY, ...options })
  await module.put(request, new Response("old"), { tags: ["t"] })
  setClock(TTL + 1)
  return module
}

/** Returns the counters that refreshes and fences change. */
export async function refreshCounts(
  module: CacheModule,
): Promise<
  Record<"hits" | "misses" | "puts" | "staleHits" | "elections" | "fencedWrites", number>
> {
  const { hits, misses, puts } = await module.stats()
  const { staleHits, elections, fencedWrites } = await module.inspect()
  return { hits, misses, puts, staleHits, elections, fencedWrites }
}

/** A purge or a delete, as plain data that can be sent to a thread. */
export type Removal = { purge: CachePurgeSelector } | { delete: string }

/** Each removal of the entry at {@link AT} with the tag `t`. */
export const REMOVALS: readonly (readonly [name: string, removal: Removal])[] = [
  ["a purge of its tag", { purge: { tags: ["other", "t"] } }],
  ["a purge of its URL's prefix", { purge: { prefix: url("/p/") } }],
  ["a purge of its path's prefix", { purge: { prefix: "/p/" } }],
  ["a purge of its request", { purge: { request: AT } }],
  ["a delete", { delete: AT }],
  ["a purge of everything", { purge: { everything: true } }],
]

/** Carries out a removal. */
export async function remove(module: CacheModule, removal: Removal): Promise<void> {
  if ("delete" in removal) await module.delete(removal.delete)
  else await module.purge(removal.purge)
}

/** Creates a promise that the test resolves. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** The documented form of a handler: match, and on a miss build and put. */
export async function matchOrBuild(
  module: CacheModule,
  request: Request,
  build: () => Promise<string>,
): Promise<Response> {
  const cached = await module.match(request)
  if (cached) return cached
  const response = new Response(await build())
  await module.put(request, response.clone())
  return response
}

/** Forms of a request. A put must find the build of its miss with each form. */
export const REQUEST_FORMS: readonly (readonly [form: string, request: () => CacheRequest])[] = [
  ["a Request", () => new Request(AT)],
  ["a URL", () => new URL(AT)],
  ["a string", () => AT],
]

/**
 * Expects that a put whose build began before a removal is dropped and counted in `fencedWrites`,
 * and that the next put is stored.
 */
export async function expectFenced(
  module: CacheModule,
  request: CacheRequest,
  options: CachePutOptions = {},
): Promise<void> {
  const before = await refreshCounts(module)
  await module.put(request, new Response("too late"), options)
  expect(await refreshCounts(module)).toEqual({ ...before, fencedWrites: before.fencedWrites + 1 })
  expect(await module.match(request)).toBeUndefined()
  await module.put(request, new Response("in time"), options)
  expect(await (await module.match(request))?.text()).toBe("in time")
  expect(await refreshCounts(module)).toMatchObject({
    puts: before.puts + 1,
    fencedWrites: before.fencedWrites + 1,
  })
}
