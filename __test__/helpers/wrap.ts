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
export async function pass(seconds: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(Math.round(seconds * 1000))
  await calm()
}

/**
 * Lets everything come to an end that does not wait for the test: what threads tell each other
 * takes some rounds, and a disk as many as it takes.
 */
export async function calm(): Promise<void> {
  for (let round = 0; round < 20; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    if (hasPendingCompletions()) round = 0
  }
}

/** Waits for what another thread brings about. */
export async function until(comes: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await comes())) await new Promise((resolve) => setImmediate(resolve))
}

const held: (() => void)[] = []

/** What a handler waits for that is not to answer before the test is over. */
export function theEnd(): Promise<void> {
  return new Promise((resolve) => void held.push(resolve))
}

/**
 * Ends the test's handlers, and its time once nobody waits any longer: who waits keeps the process
 * alive. Jest takes a rejection that nobody handles until then for a failure of the test.
 */
export async function end(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    for (const release of held.splice(0)) release()
    await pass(30)
  }
  jest.useRealTimers()
}

/** How the answer came about: its `Cache-Status` behind the name of the cache. */
export function how(response: Response): string | undefined {
  return response.headers.get("cache-status")?.replace(/^[^;]+; /, "")
}

/**
 * What has become of a promise, once all that can has come to an end: `pending`, or what `of` makes
 * of its value, or its error.
 */
export async function fate<T>(promise: Promise<T>, of: (value: T) => unknown = (value) => value) {
  const settled = promise.then(of, (error: unknown) => error)
  return Promise.race([settled, calm().then(() => "pending")])
}

/** So many callers at once; what each of them gets. */
export function crowd(
  count: number,
  ask: (caller: number) => Promise<Response>,
): Promise<Response>[] {
  return Array.from({ length: count }, (_, caller) => ask(caller))
}

/** The one to read the body of a response, which has to have one. */
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

/** The bodies of all, which have to come. */
export async function texts(responses: readonly Promise<Response>[]): Promise<string[]> {
  return Promise.all(responses.map(async (response) => (await response).text()))
}

/** How often each of the values is there. */
export function tally(values: Iterable<unknown>): Record<string, number> {
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
