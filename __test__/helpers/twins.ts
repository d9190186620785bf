import type { CacheModule } from "@layeron/modules"
import { found, freshCache, url } from "./cache"

export type Body = string | Uint8Array<ArrayBuffer> | URLSearchParams | FormData | null

/** A way in which a response can be used, and what came of it. */
export type Use = (response: Response) => unknown

export interface Twins {
  readonly module: CacheModule
  /** From the cache. */
  readonly stored: Response
  /** From the platform, of the same parts. */
  readonly platform: Response
}

const AT = url("/twin")

/** The same response twice: out of the cache, and from the platform's constructor. */
export async function twins(body: Body, init: ResponseInit = {}): Promise<Twins> {
  const platform = new Response(body, init)
  const module = freshCache()
  await module.put(AT, platform.clone())
  return { module, stored: await found(module, AT), platform }
}

/** Another response from the entry that `twins` made. */
export function another(module: CacheModule): Promise<Response> {
  return found(module, AT)
}

/** What `use` comes to: its value, or the name of its error. */
export async function outcome(use: Use, response: Response): Promise<unknown> {
  try {
    return await use(response)
  } catch (error) {
    return `throws ${(error as Error).name}`
  }
}

/** Whether both twins come to the same under `use`. */
export async function expectAlike({ stored, platform }: Twins, use: Use): Promise<void> {
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
