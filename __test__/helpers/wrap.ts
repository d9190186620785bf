import type {
  CacheHandler,
  CacheInspection,
  CacheModule,
  CacheModuleOptions,
  CacheWrapOptions,
} from "@layeron/modules"
import { freshCache, url } from "./cache"
import { hasPendingCompletions } from "./pending-completions"

/** What most requests are for. */
export const PATH = "/w/1"
export const AT = url(PATH)
export const TTL = 60
export const WINDOW = 300
/** Fresh for a minute, then served stale for five. */
export const POLICY = { ttlSeconds: TTL, staleWhileRevalidateSeconds: WINDOW }

/** What a test's handler is called with. */
export type Run = (request: Request, run: number) => Response | Promise<Response>

export interface Wrapped {
  readonly module: CacheModule
  /** Asks the wrapped handler, by GET of {@link AT} where nothing else is said. */
  ask(request?: Request): Promise<Response>
  /** How often the handler has been run. */
  runs(): number
  /** The requests that it has been run with. */
  readonly asked: Request[]
}

/** A wrapped handler whose runs are counted, the first with 1. */
export function wrapped(
  handler: Run,
  options?: CacheWrapOptions,
  declared: Partial<CacheModuleOptions> = {},
): Wrapped {
  return wrappedIn(freshCache(declared), handler, options)
}

/** The same in a module that is there. */
export function wrappedIn(module: CacheModule, handler: Run, options?: CacheWrapOptions): Wrapped {
  const asked: Request[] = []
  const counted: CacheHandler = (request) => handler(request, asked.push(request))
  const fetch = module.wrap(counted, options)
  return {
    module,
    ask: (request = new Request(AT)) => fetch(request),
    runs: () => asked.length,
    asked,
  }
}

/** Lets so many seconds pass, and everything happen that they bring. */
export async function advanceSeconds(seconds: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(Math.round(seconds * 1000))
  await waitUntilIdle()
}

/**
 * Waits until all work that does not depend on the test has ended: 20 turns of the event loop for
 * messages between threads, and as many as the disk needs.
 */
export async function waitUntilIdle(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (hasPendingCompletions()) round = 0
  }
}

/** Waits until a condition that another thread brings about holds. */
export async function waitUntil(comes: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await comes())) await new Promise((resolve) => setImmediate(resolve))
}

const held: (() => void)[] = []

/** Resolves when the test ends, for a handler that must not answer before. */
export function endOfTest(): Promise<void> {
  return new Promise((resolve) => void held.push(resolve))
}

/**
 * Ends the handlers of the test, lets their waiters finish, and restores timers. A rejection that
 * is unhandled until then fails the test.
 */
export async function end(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const release of held.splice(0)) release()
    await advanceSeconds(30)
  }
  jest.useRealTimers()
}

/** The `Cache-Status` of a response without the name of the cache. */
export function cacheStatusOf(response: Response): string | undefined {
  return response.headers.get("cache-status")?.replace(/^[^;]+; /, "")
}

/**
 * The state of a promise once all other work has ended: `pending`, its value passed through `of`,
 * or its error.
 */
export async function outcomeSoFar<T>(
  promise: Promise<T>,
  of: (value: T) => unknown = (value) => value,
) {
  const settled = promise.then(of, (error: unknown) => error)
  return Promise.race([settled, waitUntilIdle().then(() => "pending")])
}

/** Calls `ask` for `count` callers at once; returns their promises. */
export function concurrently(
  count: number,
  ask: (caller: number) => Promise<Response>,
): Promise<Response>[] {
  return Array.from({ length: count }, (_, caller) => ask(caller))
}

/** The reader of a response's body, which must exist. */
export function readerOf(response: Response): ReadableStreamDefaultReader<Uint8Array> {
  return (response.body as ReadableStream<Uint8Array>).getReader()
}

/** The next text of a body; `undefined` at its end. */
export async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<string | undefined> {
  const { value } = await reader.read()
  return value && new TextDecoder().decode(value)
}

/** The bodies of all responses, as text. */
export async function texts(responses: readonly Promise<Response>[]): Promise<string[]> {
  return Promise.all(responses.map(async (response) => (await response).text()))
}

/** Counts equal values. */
export function countEach(values: Iterable<unknown>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1
  return counts
}

type Counted = Pick<
  CacheInspection,
  | "staleHits"
  | "elections"
  | "staleIfErrorHits"
  | "collapsed"
  | "revalidations"
  | "failedRefreshes"
  | "invalidations"
  | "fencedWrites"
  | "bypasses"
>

/** What has been counted, without the zeros. */
export async function counts(module: CacheModule): Promise<Record<string, number>> {
  const seen = await module.inspect()
  const names: (keyof Counted)[] = [
    "staleHits",
    "elections",
    "staleIfErrorHits",
    "collapsed",
    "revalidations",
    "failedRefreshes",
    "invalidations",
    "fencedWrites",
    "bypasses",
  ]
  const all = {
    ...(await module.stats()),
    ...Object.fromEntries(names.map((name) => [name, seen[name]])),
  }
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0))
}

/** Warnings from now on, silenced. Ended by `jest.restoreAllMocks()`. */
export function warnings(): [message: string, code: unknown][] {
  const given: [string, unknown][] = []
  jest.spyOn(process, "emitWarning").mockImplementation(((
    warning: unknown,
    options?: { code?: unknown },
  ) => {
    given.push([String(warning), options?.code])
  }) as typeof process.emitWarning)
  return given
}
