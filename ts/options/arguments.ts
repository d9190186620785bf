import type { CacheRequest } from "../../index.js"
import { CacheTypeError, shown } from "../errors.js"
import * as check from "./check.js"
import { keyPrefixes } from "./prefix.js"

/** Options of `key`, `match` and `delete`, for the addon. */
export interface KeyArguments {
  /** Selecting header fields, sorted, one per line; `undefined` for the configured ones. */
  readonly vary: string | undefined
  readonly names: readonly string[]
}

/** Options of `put`. */
export interface PutArguments extends KeyArguments {
  readonly ttlSeconds: number | undefined
  readonly staleWhileRevalidateSeconds: number | undefined
  /** Tags, one per line. */
  readonly tags: string
}

/** What `purge` selects. */
export interface Selection {
  readonly request: CacheRequest | undefined
  readonly tags: readonly string[]
  readonly prefix: string | undefined
  /** The prefix as keys spell it. */
  readonly prefixes: readonly string[]
  readonly everything: boolean
  readonly soft: boolean
}

/** No options. */
export const NO_OPTIONS: KeyArguments = { vary: undefined, names: [] }
const NO_PUT_OPTIONS: PutArguments = {
  ...NO_OPTIONS,
  ttlSeconds: undefined,
  staleWhileRevalidateSeconds: undefined,
  tags: "",
}
const SELECTORS = ["request", "tags", "prefix", "everything"]
const SELECTOR = [...SELECTORS, "soft"]

export function readKeyOptions(path: string, given: unknown): KeyArguments {
  if (given === undefined) return NO_OPTIONS
  return readVary(path, check.options(path, given, ["vary"]))
}

export function readPutOptions(path: string, given: unknown): PutArguments {
  if (given === undefined) return NO_PUT_OPTIONS
  const fields = check.options(path, given, [
    "vary",
    "ttlSeconds",
    "staleWhileRevalidateSeconds",
    "tags",
  ])
  return {
    ...readVary(path, fields),
    ttlSeconds: check.seconds(`${path}.ttlSeconds`, fields.ttlSeconds),
    staleWhileRevalidateSeconds: check.seconds(
      `${path}.staleWhileRevalidateSeconds`,
      fields.staleWhileRevalidateSeconds,
    ),
    tags: (check.optionalList(`${path}.tags`, fields.tags, check.tag) ?? []).join("\n"),
  }
}

export function readVary(path: string, fields: check.Fields): KeyArguments {
  const names = check.optionalList(`${path}.vary`, fields.vary, check.headerName)
  return names === undefined ? NO_OPTIONS : { vary: names.join("\n"), names }
}

export function readSelector(path: string, given: unknown, namespace: string): Selection {
  const object = check.object(path, given)
  const unknown = Object.keys(object).find((name) => !SELECTOR.includes(name))
  if (unknown !== undefined) {
    throw new CacheTypeError(
      "LAYERON_INVALID_OPTION",
      `${path}.${unknown} selects nothing; known are ${SELECTOR.join(", ")}`,
    )
  }
  const fields = check.own(object, SELECTOR)
  const { request, tags, prefix } = fields
  const everything = check.flag(`${path}.everything`, fields.everything)
  const soft = check.flag(`${path}.soft`, fields.soft)
  if (request === undefined && tags === undefined && prefix === undefined && !everything) {
    throw new CacheTypeError(
      "LAYERON_INVALID_OPTION",
      `${path} must have one of ${SELECTORS.join(", ")}, got ${shown(given)} without any`,
    )
  }
  const begins = prefix === undefined ? undefined : check.text(`${path}.prefix`, prefix, 65_536)
  return {
    request: request as CacheRequest | undefined,
    tags: check.optionalList(`${path}.tags`, tags, check.tag) ?? [],
    prefix: begins,
    prefixes: begins === undefined ? [] : keyPrefixes(`${path}.prefix`, begins, namespace),
    everything,
    soft,
  }
}
