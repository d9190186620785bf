import type { CacheModule } from "@layeron/modules"
import { found, freshCache, url } from "./cache"

export type Body = string | Uint8Array<ArrayBuffer> | URLSearchParams | FormData | null

/** A use of a response, with its result. */
export type Use = (response: Response) => unknown

export interface ResponsePair {
  readonly module: CacheModule
  /** From the cache. */
  readonly stored: Response
  /** From the platform, of the same parts. */
  readonly platform: Response
}

const AT = url("/twin")

/** Creates the same response twice: from the cache, and by the platform's constructor. */
export async function responsePair(body: Body, init: ResponseInit = {}): Promise<ResponsePair> {
  const platform = new Response(body, init)
  const module = freshCache()
  await module.put(AT, platform.clone())
  return { module, stored: await found(module, AT), platform }
}

/** Another stored response of the entry that `responsePair` has made. */
export function another(module: CacheModule): Promise<Response> {
  return found(module, AT)
}

/** The value that `use` returns, or the name of its error. */
export async function outcome(use: Use, response: Response): Promise<unknown> {
  try {
    return await use(response)
  } catch (error) {
    return `throws ${(error as Error).name}`
  }
}

/** Whether `use` has the same outcome with both responses. */
export async function expectAlike({ stored, platform }: ResponsePair, use: Use): Promise<void> {
  const expected = await outcome(use, platform)
  expect(await outcome(use, stored)).toEqual(expected)
}

/** Header fields that the cache writes into a response. */
const WRITTEN = new Set(["age", "cache-status", "cache-control"])

/** The header fields that came with the response. */
export function ownHeaders(response: Response): [string, string][] {
  return [...response.headers].filter(([name]) => !WRITTEN.has(name))
}

/** So many bytes, of which no two stretches are alike. */
export function bytes(length: number): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array(length)
  let seed = 1
  for (let at = 0; at < length; at++) {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff
    made[at] = seed >> 16
  }
  return made
}
