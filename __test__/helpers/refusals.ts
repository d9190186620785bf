import type { CacheModule } from "@layeron/modules"
import * as bad from "./bad-input"
import { bodyOf, errorOf, freshCache, state, url } from "./cache"

export type Row = readonly [path: string, label: string, value: unknown]

/** Returns a row per invalid value of each option; a path ending in `[0]` means a list element. */
export function rows(table: Readonly<Record<string, bad.InvalidValues>>): Row[] {
  return Object.entries(table).flatMap(([path, values]) =>
    values.map(([label, value]): Row => [path, label, value]),
  )
}

/** Builds nested options from a path: `{ a: { b: [value] } }` for `a.b[0]`. */
export function nested(path: string, value: unknown): Record<string, unknown> {
  const names = path.split(/\.|(?=\[0\])/)
  const built = names.reduceRight<unknown>(
    (inner, name) => (name === "[0]" ? [inner] : { [name]: inner }),
    value,
  )
  return built as Record<string, unknown>
}

/** Invalid values of the options that declarations, rules and puts share. */
export const POLICY = {
  ttlSeconds: bad.SECONDS,
  staleWhileRevalidateSeconds: bad.SECONDS,
  vary: bad.LIST,
  "vary[0]": bad.HEADER_NAME,
  tags: bad.LIST,
  "tags[0]": bad.TAG,
}

/** Invalid values of the options of `key`, `match` and `delete`. */
export const KEY_OPTIONS = { vary: bad.LIST, "vary[0]": bad.HEADER_NAME }

/** Creates a module with one entry, and a check that a refused call has not changed it. */
export async function moduleWithEntry(): Promise<{
  module: CacheModule
  expectUnchanged(): Promise<void>
}> {
  const module = freshCache({ ttlSeconds: 600, tags: ["kept"] })
  await module.put(url("/kept"), new Response("kept"))
  const before = await state(module)
  const expectUnchanged = async () => {
    expect(await state(module)).toEqual(before)
    expect(await bodyOf(module, url("/kept"))).toBe("kept")
  }
  return { module, expectUnchanged }
}

export async function expectRefused(
  call: () => unknown,
  path: string,
  code: string,
): Promise<void> {
  const error = await errorOf(call)
  expect(error).toBeInstanceOf(TypeError)
  expect(error.code).toBe(code)
  // The trailing space excludes longer paths that begin with this one.
  expect(`${error.message} `).toContain(`${path} `)
}
