import type { CacheModule, CacheRequest } from "@layeron/modules"

/** A Monday, on the full second. */
export const START = Date.UTC(2024, 0, 1)

/** Stops `Date.now()` at {@link START}, until `jest.useRealTimers()`. */
export function stopClock(): void {
  jest.useFakeTimers({ now: START })
}

/**
 * What a stopped date leaves alone; timers of the global object only where they are named beside
 * it.
 */
const RUNNING = [
  "hrtime",
  "nextTick",
  "performance",
  "queueMicrotask",
  "setImmediate",
  "clearImmediate",
  "setInterval",
  "clearInterval",
] as const

/**
 * Stops `Date.now()` at {@link START}, until `jest.useRealTimers()`, and leaves timers and
 * microtasks alone, which connections and threads need.
 */
export function stopDate(): void {
  jest.useFakeTimers({ now: START, doNotFake: [...RUNNING, "setTimeout", "clearTimeout"] })
}

/** The same, with timeouts that go by the stopped date. */
export function stopTime(): void {
  jest.useFakeTimers({ now: START, doNotFake: [...RUNNING] })
}

/** Moves the clock to so many seconds after {@link START}. */
export function setClock(seconds: number): void {
  jest.setSystemTime(START + seconds * 1000)
}

/** `seconds` after {@link START} as an HTTP-date. */
export function httpDate(seconds: number): string {
  return new Date(START + seconds * 1000).toUTCString()
}

/**
 * What callers get in the stale window: the first may be told to refresh the entry, so it is the
 * second that counts.
 */
export async function staleMatch(
  module: CacheModule,
  request: CacheRequest,
): Promise<Response | undefined> {
  await module.match(request)
  return module.match(request)
}

/**
 * The freshness lifetime and the stale window of the entry put at {@link START}, in seconds, found
 * by asking at the millisecond before and at the end of each.
 */
export async function expectTimes(
  module: CacheModule,
  request: CacheRequest,
  { ttl, window = 0 }: { ttl: number; window?: number },
): Promise<void> {
  const end = ttl + window
  if (ttl > 0) {
    setClock(ttl - 0.001)
    expect((await module.match(request))?.headers.get("cache-status")).toMatch(/; hit; ttl=0$/)
  }
  if (window > 0) {
    setClock(end - 0.001)
    const left = ttl - end
    expect((await staleMatch(module, request))?.headers.get("cache-status")).toMatch(
      new RegExp(`; hit; ttl=${left}; detail=stale$`),
    )
  }
  setClock(end)
  expect(await module.match(request)).toBeUndefined()
}
