import type { CacheModuleOptions, CacheWrapOptions } from "@layeron/modules"
import {
  advanceSeconds,
  POLICY,
  type TestHandler,
  TTL,
  type Wrapped,
  waitUntilIdle,
  wrapped,
} from "./wrap"

/** A handler that throws. */
export const throwingHandler: TestHandler = () => {
  throw new Error("down")
}

/**
 * Wraps a handler whose stored response `old` is `past` seconds past its lifetime. `next` handles
 * the runs after the first. Needs `stopTime`.
 */
export async function wrappedStale(
  next: TestHandler,
  options: CacheWrapOptions = {},
  { past = 0, headers = {}, ...declared }: StaleOptions = {},
): Promise<Wrapped> {
  const first = () => new Response("old", { headers })
  const handler: TestHandler = (request, run) => (run === 1 ? first() : next(request, run))
  const wrapper = wrapped(handler, { ...POLICY, ...options }, declared)
  await (await wrapper.send()).text()
  await advanceSeconds(TTL + past)
  return wrapper
}

interface StaleOptions extends Partial<CacheModuleOptions> {
  /** Seconds past the lifetime. Default: 0. */
  readonly past?: number
  /** Header fields of the stored response. */
  readonly headers?: Record<string, string>
}

/** Sends a request, waits until idle, and returns the body. */
export async function sendAndSettle(handler: Wrapped): Promise<string> {
  const text = await (await handler.send()).text()
  await waitUntilIdle()
  return text
}
