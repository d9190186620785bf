import type { CacheModule } from "@layeron/modules"
import * as bad from "./bad-input"
import { bodyOf, failureOf, freshCache, state, url } from "./cache"

export type Row = readonly [path: string, shown: string, value: unknown]

/**
 * One row for each bad value of each option; a path that ends in `[0]` takes the value in a list.
 */
export function rows(table: Readonly<Record<string, bad.Bad>>): Row[] {
  return Object.entries(table).flatMap(([path, values]) =>
    values.map(([shown, value]): Row => [path, shown, value]),
  )
}

/** `{ a: { b: [value] } }` for `a.b[0]`. */
export function nested(path: string, value: unknown): Record<string, unknown> {
  const names = path.split(/\.|(?=\[0\])/)
  const built = names.reduceRight<unknown>(
    (inner, name) => (name === "[0]" ? [inner] : { [name]: inner }),
    value,
  )
  return built as Record<string, unknown>
}

/** Options of a declaration, a rule and a put. */
export const POLICY = {
  ttlSeconds: bad.SECONDS,
  staleWhileRevalidateSeconds: bad.SECONDS,
  vary: bad.LIST,
  "vary[0]": bad.HEADER_NAME,
  tags: bad.LIST,
  "tags[0]": bad.TAG,
}

/** Options of `key`, `match` and `delete`. */
export const KEY_OPTIONS = { vary: bad.LIST, "vary[0]": bad.HEADER_NAME }

/** A module with one entry, and what has to be as before once a call was refused. */
export async function holding(): Promise<{
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
  const error = await failureOf(call)
  expect(error).toBeInstanceOf(TypeError)
  expect(error.code).toBe(code)
  // The path is whole: what comes after it is no part of a longer one.
  expect(`${error.message} `).toContain(`${path} `)
}
