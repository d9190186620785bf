import type { CacheModule, CacheRequest } from "@layeron/modules"

/** A Monday, on the full second. */
export const START = Date.UTC(2024, 0, 1)

/** Stops `Date.now()` at {@link START}, until `jest.useRealTimers()`. */
export function stopClock(): void {
  jest.useFakeTimers({ now: START })
}

/** Functions that `stopDate` and `stopTime` do not fake. */
const NOT_FAKED = [
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
 * Stops `Date.now()` at {@link START}, until `jest.useRealTimers()`. Timers and microtasks stay
 * real, because connections and threads need them.
 */
export function stopDate(): void {
  jest.useFakeTimers({ now: START, doNotFake: [...NOT_FAKED, "setTimeout", "clearTimeout"] })
}

/** Like {@link stopDate}, with `setTimeout` faked too. */
export function stopTime(): void {
  jest.useFakeTimers({ now: START, doNotFake: [...NOT_FAKED] })
}

/** Sets the clock to `seconds` after {@link START}. */
export function setClock(seconds: number): void {
  jest.setSystemTime(START + seconds * 1000)
}

/** Returns the HTTP-date of `seconds` after {@link START}. */
export function httpDate(seconds: number): string {
  return new Date(START + seconds * 1000).toUTCString()
}

/**
 * Matches twice and returns the second response. In the stale window the first match may be the one
 * that gets a miss, in order to refresh the entry.
 */
export async function staleMatch(
  module: CacheModule,
  request: CacheRequest,
): Promise<Response | undefined> {
  await module.match(request)
  return module.match(request)
}

/**
 * Expects the freshness lifetime `ttl` and the stale window `window`, in seconds, of an entry put
 * at {@link START}. Matches at the end of each and one millisecond before.
 */
export async function expectLifetime(
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
