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
 * A module with the entry `old`, put at {@link START}, at one second past its lifetime. Needs
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

/** The counters that refreshes and fences change. */
export async function refreshCounts(
  module: CacheModule,
): Promise<
  Record<"hits" | "misses" | "puts" | "staleHits" | "elections" | "fencedWrites", number>
> {
  const { hits, misses, puts } = await module.stats()
  const { staleHits, elections, fencedWrites } = await module.inspect()
  return { hits, misses, puts, staleHits, elections, fencedWrites }
}

/** Something that takes entries away. Plain data, so that it can be sent to a thread. */
export type Removal = { purge: CachePurgeSelector } | { delete: string }

/** Each way to take the entry at {@link AT} with the tag `t` away. */
export const REMOVALS: readonly (readonly [how: string, removal: Removal])[] = [
  ["a purge of its tag", { purge: { tags: ["other", "t"] } }],
  ["a purge of its URL's prefix", { purge: { prefix: url("/p/") } }],
  ["a purge of its path's prefix", { purge: { prefix: "/p/" } }],
  ["a purge of its request", { purge: { request: AT } }],
  ["a delete", { delete: AT }],
  ["a purge of everything", { purge: { everything: true } }],
]

export async function carryOut(module: CacheModule, removal: Removal): Promise<void> {
  if ("delete" in removal) await module.delete(removal.delete)
  else await module.purge(removal.purge)
}

/** A promise that the test settles. */
export function promised<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

/** The documented form of a handler: match, build, put. */
export async function handled(
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

/** Builds under way: a put of each form of request is to be that of its miss. */
export const REQUESTS: readonly (readonly [form: string, request: () => CacheRequest])[] = [
  ["a Request", () => new Request(AT)],
  ["a URL", () => new URL(AT)],
  ["a string", () => AT],
]

/**
 * What a build that ends too late leaves behind: nothing, counted as held back; and what is built
 * from now on is stored.
 */
export async function expectHeldBack(
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
