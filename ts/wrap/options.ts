import { type KeyArguments, readVary } from "../options/arguments.js"
import * as check from "../options/check.js"
import {
  REQUEST_OPTIONS,
  type RequestOptions,
  readRequestOptions,
} from "../options/request-options.js"
import type { Contribution } from "./run-context.js"

type TagsFunction = (
  request: Request,
  response: Response,
  ...rest: unknown[]
) => readonly string[] | Promise<readonly string[]>
type StorePredicate = (request: Request, response: Response, ...rest: unknown[]) => unknown
type WaitUntil = (work: Promise<unknown>, request: Request, ...rest: unknown[]) => void

/** Checked options of `wrap`. */
export interface WrapOptions extends KeyArguments, RequestOptions {
  readonly ttlSeconds: number | undefined
  readonly staleWhileRevalidateSeconds: number | undefined
  readonly staleIfErrorSeconds: number | undefined
  readonly tags: readonly string[] | TagsFunction
  readonly shouldStore: StorePredicate | undefined
  readonly waitUntil: WaitUntil | undefined
  readonly refreshTimeoutMs: number
}

const OPTIONS = [
  "ttlSeconds",
  "staleWhileRevalidateSeconds",
  "staleIfErrorSeconds",
  "vary",
  "tags",
  "shouldStore",
  "waitUntil",
  "refreshTimeoutMs",
  ...REQUEST_OPTIONS,
]

const REFRESH_TIMEOUT_MS = 30_000

export function readWrapping(path: string, given: unknown): WrapOptions {
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
    shouldStore: readFunction(`${path}.shouldStore`, fields.shouldStore) as
      | StorePredicate
      | undefined,
    waitUntil: readFunction(`${path}.waitUntil`, fields.waitUntil) as WaitUntil | undefined,
    refreshTimeoutMs: check.integer(
      `${path}.refreshTimeoutMs`,
      refreshTimeoutMs,
      1,
      check.INT32_MAX,
    ),
  }
}

export function readHandler<Handler>(path: string, value: Handler): Handler {
  if (typeof value !== "function") throw check.wrong(path, "a function of a Request", value)
  return value
}

function readTags(path: string, value: unknown): WrapOptions["tags"] {
  if (typeof value === "function") return value as TagsFunction
  return check.optionalList(path, value, check.tag) ?? []
}

function readFunction(path: string, value: unknown): unknown {
  if (value !== undefined && typeof value !== "function")
    throw check.wrong(path, "a function", value)
  return value
}

/** Decision of the options of a wrapper about one response. */
export interface StoreDecision {
  /** Tags, one per line. */
  readonly tags: string
  readonly mayStore: boolean
}

/** No decision. */
export const NO_DECISION: StoreDecision = { tags: "", mayStore: true }

/** Calls the functions among the options, with the arguments of the wrapped handler. */
export async function decisionOf(
  { tags, shouldStore }: WrapOptions,
  request: Request,
  response: Response,
  rest: readonly unknown[],
): Promise<StoreDecision> {
  const given = typeof tags === "function" ? await tags(request, response, ...rest) : tags
  const checked =
    given === tags ? tags : check.optionalList("wrap() options.tags()", given, check.tag)
  const mayStore =
    shouldStore === undefined || Boolean(await shouldStore(request, response, ...rest))
  return { tags: (checked ?? []).join("\n"), mayStore }
}

/** Combines the decisions of a run and of the wrapped handlers inside it. */
export function combined(
  own: StoreDecision,
  inner: readonly Contribution[],
): StoreDecision & Omit<Contribution, "tags" | "mayStore"> {
  const all = [own, ...inner]
  const first = (name: "ttlSeconds" | "staleWhileRevalidateSeconds" | "staleIfErrorSeconds") =>
    inner.map((each) => each[name]).find((value) => value !== undefined)
  return {
    tags: all
      .map(({ tags }) => tags)
      .filter((tags) => tags !== "")
      .join("\n"),
    mayStore: all.every(({ mayStore }) => mayStore),
    ttlSeconds: first("ttlSeconds"),
    staleWhileRevalidateSeconds: first("staleWhileRevalidateSeconds"),
    staleIfErrorSeconds: first("staleIfErrorSeconds"),
  }
}
