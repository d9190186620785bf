import type {
  CacheHandler,
  CacheInspection,
  CacheModule,
  CacheModuleOptions,
  CacheWrapOptions,
} from "@layeron/modules"
import { freshCache, url } from "./cache"
import { hasPendingCompletions } from "./pending-completions"

/** Path and URL of most requests. */
export const PATH = "/w/1"
export const AT = url(PATH)
export const TTL = 60
export const WINDOW = 300
/** Fresh for a minute, then served stale for five. */
export const POLICY = { ttlSeconds: TTL, staleWhileRevalidateSeconds: WINDOW }

/** A test's handler; `run` is 1 for the first run. */
export type TestHandler = (request: Request, run: number) => Response | Promise<Response>

export interface Wrapped {
  readonly module: CacheModule
  /** Calls the wrapped handler. Default: a GET of {@link AT}. */
  send(request?: Request): Promise<Response>
  /** Number of runs of the handler. */
  runs(): number
  /** The requests that the handler has received. */
  readonly received: Request[]
}

/** Wraps a handler with a new module and counts its runs. */
export function wrapped(
  handler: TestHandler,
  options?: CacheWrapOptions,
  declared: Partial<CacheModuleOptions> = {},
): Wrapped {
  return wrappedIn(freshCache(declared), handler, options)
}

/** Wraps a handler with a given module and counts its runs. */
export function wrappedIn(
  module: CacheModule,
  handler: TestHandler,
  options?: CacheWrapOptions,
): Wrapped {
  const received: Request[] = []
  const counted: CacheHandler = (request) => handler(request, received.push(request))
  const fetch = module.wrap(counted, options)
  return {
    module,
    send: (request = new Request(AT)) => fetch(request),
    runs: () => received.length,
    received,
  }
}

/** Advances the faked timers by `seconds` and waits until idle. */
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
export async function waitUntil(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

const held: (() => void)[] = []

/** Resolves when the test ends, for a handler that must not respond before. */
export function endOfTest(): Promise<void> {
  return new Promise((resolve) => void held.push(resolve))
}

/**
 * Ends the handlers of the test, lets their waiters finish, and restores timers. A rejection that
 * is unhandled until then fails the test.
 */
export async function endTest(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const release of held.splice(0)) release()
    await advanceSeconds(30)
  }
  jest.useRealTimers()
}

/** Returns the `Cache-Status` of a response without the name of the cache. */
export function cacheStatusOf(response: Response): string | undefined {
  return response.headers.get("cache-status")?.replace(/^[^;]+; /, "")
}

/**
 * Returns the state of a promise when all other work has ended: `pending`, its value passed through
 * `of`, or its error.
 */
export async function outcomeSoFar<T>(
  promise: Promise<T>,
  of: (value: T) => unknown = (value) => value,
) {
  const settled = promise.then(of, (error: unknown) => error)
  return Promise.race([settled, waitUntilIdle().then(() => "pending")])
}

/** Calls `send` for `count` callers at once; returns their promises. */
export function concurrently(
  count: number,
  send: (caller: number) => Promise<Response>,
): Promise<Response>[] {
  return Array.from({ length: count }, (_, caller) => send(caller))
}

/** Returns the reader of a response's body, which must exist. */
export function readerOf(response: Response): ReadableStreamDefaultReader<Uint8Array> {
  return (response.body as ReadableStream<Uint8Array>).getReader()
}

/** Reads the next text of a body; `undefined` at its end. */
export async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<string | undefined> {
  const { value } = await reader.read()
  return value && new TextDecoder().decode(value)
}

/** Reads the bodies of all responses as text. */
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

/** Returns the counters of a module without zeros. */
export async function counts(module: CacheModule): Promise<Record<string, number>> {
  const inspection = await module.inspect()
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
    ...Object.fromEntries(names.map((name) => [name, inspection[name]])),
  }
  return Object.fromEntries(Object.entries(all).filter(([, count]) => count > 0))
}

/** Collects and silences warnings until `jest.restoreAllMocks()`. */
export function collectWarnings(): [message: string, code: unknown][] {
  const collected: [string, unknown][] = []
  jest.spyOn(process, "emitWarning").mockImplementation(((
    warning: unknown,
    options?: { code?: unknown },
  ) => {
    collected.push([String(warning), options?.code])
  }) as typeof process.emitWarning)
  return collected
}
