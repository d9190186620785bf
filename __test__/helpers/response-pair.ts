import type { CacheModule } from "@layeron/modules"
import { freshCache, mustMatch, url } from "./cache"

export type Body = string | Uint8Array<ArrayBuffer> | URLSearchParams | FormData | null

/** Uses a response and returns a result to compare. */
export type Use = (response: Response) => unknown

export interface ResponsePair {
  readonly module: CacheModule
  /** From the cache. */
  readonly stored: Response
  /** From the platform, with the same body and head. */
  readonly platform: Response
}

const AT = url("/pair")

/** Creates the same response twice: from the cache, and by the platform's constructor. */
export async function responsePair(body: Body, init: ResponseInit = {}): Promise<ResponsePair> {
  const platform = new Response(body, init)
  const module = freshCache()
  await module.put(AT, platform.clone())
  return { module, stored: await mustMatch(module, AT), platform }
}

/** Matches the entry of {@link responsePair} again. */
export function secondStored(module: CacheModule): Promise<Response> {
  return mustMatch(module, AT)
}

/** Returns the value that `use` returns, or the name of its error. */
export async function outcome(use: Use, response: Response): Promise<unknown> {
  try {
    return await use(response)
  } catch (error) {
    return `throws ${(error as Error).name}`
  }
}

/** Expects the same outcome of `use` with both responses. */
export async function expectAlike({ stored, platform }: ResponsePair, use: Use): Promise<void> {
  const expected = await outcome(use, platform)
  expect(await outcome(use, stored)).toEqual(expected)
}

/** Header fields that the cache writes into a response. */
const WRITTEN_BY_CACHE = new Set(["age", "cache-status", "cache-control"])

/** Returns the header fields of a response without those that the cache writes. */
export function ownHeaders(response: Response): [string, string][] {
  return [...response.headers].filter(([name]) => !WRITTEN_BY_CACHE.has(name))
}

/** Returns `length` pseudo-random bytes. */
export function bytes(length: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length)
  let seed = 1
  for (let at = 0; at < length; at++) {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
    result[at] = seed >> 16
  }
  return result
}
