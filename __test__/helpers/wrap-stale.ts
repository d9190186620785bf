import type { CacheModuleOptions, CacheWrapOptions } from "@layeron/modules"
import { advanceSeconds, POLICY, type Run, TTL, type Wrapped, waitUntilIdle, wrapped } from "./wrap"

/** Fails, as a handler. */
export const down: Run = () => {
  throw new Error("down")
}

/**
 * A wrapped handler with `old` in the store, so many seconds past its lifetime, and who is run from
 * now on. Needs `stopTime`.
 */
export async function goneStale(
  next: Run,
  options: CacheWrapOptions = {},
  { past = 0, headers = {}, ...declared }: Gone = {},
): Promise<Wrapped> {
  const first = () => new Response("old", { headers })
  const handler: Run = (request, run) => (run === 1 ? first() : next(request, run))
  const made = wrapped(handler, { ...POLICY, ...options }, declared)
  await (await made.ask()).text()
  await advanceSeconds(TTL + past)
  return made
}

interface Gone extends Partial<CacheModuleOptions> {
  /** Seconds past the lifetime. */
  readonly past?: number
  /** Of the response that is stored. */
  readonly headers?: Record<string, string>
}

/** Asks once, and lets what that leads to come to its end. What the caller got. */
export async function asked(made: Wrapped): Promise<string> {
  const text = await (await made.ask()).text()
  await waitUntilIdle()
  return text
}
