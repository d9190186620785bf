import type { CacheWrapOptions } from "../index.js"
import { type KeyArguments, readVary } from "./arguments.js"
import * as check from "./check.js"
import { REQUEST_OPTIONS, type RequestOptions, readRequestOptions } from "./request-options.js"

/** Options of `wrap`, checked. */
export interface Wrapping extends KeyArguments, RequestOptions {
  readonly ttlSeconds: number | undefined
  readonly staleWhileRevalidateSeconds: number | undefined
  readonly staleIfErrorSeconds: number | undefined
  readonly tags: NonNullable<CacheWrapOptions["tags"]>
  readonly waitUntil: CacheWrapOptions["waitUntil"]
  readonly refreshTimeoutMs: number
}

const OPTIONS = [
  "ttlSeconds",
  "staleWhileRevalidateSeconds",
  "staleIfErrorSeconds",
  "vary",
  "tags",
  "waitUntil",
  "refreshTimeoutMs",
  ...REQUEST_OPTIONS,
]

const REFRESH_TIMEOUT_MS = 30_000

export function readWrapping(path: string, given: unknown): Wrapping {
  const fields = check.options(path, given, OPTIONS)
  const { refreshTimeoutMs = REFRESH_TIMEOUT_MS } = fields
  return {
    ...readVary(path, fields),
    ...readRequestOptions(path, fields),
    ttlSeconds: check.seconds(`${path}.ttlSeconds`, fields.ttlSeconds),
    staleWhileRevalidateSeconds: check.seconds(
      `${path}.staleWhileRevalidateSeconds`,
      fields.staleWhileRevalidateSeconds,
    ),
    staleIfErrorSeconds: check.seconds(`${path}.staleIfErrorSeconds`, fields.staleIfErrorSeconds),
    tags: readTags(`${path}.tags`, fields.tags),
    waitUntil: readFunction(`${path}.waitUntil`, fields.waitUntil),
    refreshTimeoutMs: check.integer(`${path}.refreshTimeoutMs`, refreshTimeoutMs, 1, check.INT32_MAX),
  }
}

export function readHandler<Handler>(path: string, value: Handler): Handler {
  if (typeof value !== "function") throw check.wrong(path, "a function of a Request", value)
  return value
}

function readTags(path: string, value: unknown): Wrapping["tags"] {
  if (typeof value === "function") return value as Wrapping["tags"]
  return check.optionalList(path, value, check.tag) ?? []
}

function readFunction(path: string, value: unknown): Wrapping["waitUntil"] {
  if (value !== undefined && typeof value !== "function") throw check.wrong(path, "a function", value)
  return value as Wrapping["waitUntil"]
}

/** The tags of one response, one a line. */
export async function tagsOf(tags: Wrapping["tags"], request: Request, response: Response): Promise<string> {
  if (typeof tags !== "function") return tags.join("\n")
  const given = await tags(request, response)
  return (check.optionalList("wrap() options.tags()", given, check.tag) ?? []).join("\n")
}
