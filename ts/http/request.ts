import type { CacheRequest } from "../../index.js"
import { CacheTypeError, shown } from "../errors.js"
import { isToken } from "../options/check.js"

const NOT_IN_VALUE = /[\0\r\n]/

/** Names of request fields, and the lines that mark each of them as absent. */
export class FieldNames {
  readonly list: readonly string[]
  readonly absent: string

  constructor(names: Iterable<string>) {
    this.list = [...new Set(names)]
    this.absent = this.list.map((name) => `${name}\n`).join("")
  }

  with(names: Iterable<string>): FieldNames {
    return new FieldNames([...this.list, ...names])
  }
}

/** A request as it crosses into the addon. */
export interface RequestParts {
  /** The method and the field lines, each ended by a line feed. */
  readonly head: string
  readonly url: string
}

/**
 * Reads the method, the URL and the fields `names` of a request. `path` names the argument in
 * errors.
 */
export function readRequest(request: CacheRequest, names: FieldNames, path: string): RequestParts {
  if (typeof request === "string") return { head: `GET\n${names.absent}`, url: request }
  // Reads each member once: they are getters, and every hit passes here.
  const { method, url, headers } = Object(request) as Partial<RequestLike>
  if (typeof method === "string" && typeof url === "string" && typeof headers?.get === "function") {
    if (method !== "GET" && !isToken(method)) throw notRequest(path, request)
    return { head: `${method}\n${fieldLines(headers, names, path)}`, url }
  }
  if (request instanceof URL) return { head: `GET\n${names.absent}`, url: request.href }
  throw notRequest(path, request)
}

/** The text in which a request crosses. `marks` precede it. */
export function requestText({ head, url }: RequestParts, marks = ""): string {
  return `${marks}${head}\n${url}`
}

/** A URL parsed and serialised by the platform. */
export function serialisedUrl(url: string, path: string): string {
  const parsed = parse(url)
  if (parsed === undefined || (parsed.protocol !== "http:" && parsed.protocol !== "https:")) {
    throw new CacheTypeError(
      "LAYERON_INVALID_REQUEST",
      `${path} must have an absolute http: or https: URL, got ${shown(url)}`,
    )
  }
  return parsed.href
}

function parse(url: string): URL | undefined {
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}

/** Names of all header fields of a request that can be listed. */
export function fieldNamesOf(request: CacheRequest): string[] {
  const headers = (request as Partial<Request> | null | undefined)?.headers
  return typeof headers?.keys === "function" ? [...headers.keys()].filter(isToken) : []
}

export interface RequestLike {
  readonly method: string
  readonly url: string
  readonly headers: { get(name: string): string | null | undefined }
}

/** Whether a value is a request, also of another realm or of the undici package. */
export function isRequest(value: unknown): value is RequestLike {
  if (typeof value !== "object" || value === null) return false
  const { method, url, headers } = value as Partial<RequestLike>
  return typeof method === "string" && typeof url === "string" && typeof headers?.get === "function"
}

/**
 * The signal of a request, if it can be listened to. Another library's request may have any value
 * there.
 */
export function signalOf({ signal }: { readonly signal?: AbortSignal }): AbortSignal | undefined {
  return typeof signal?.addEventListener === "function" ? signal : undefined
}

function fieldLines(headers: RequestLike["headers"], names: FieldNames, path: string): string {
  let lines = ""
  for (const name of names.list) {
    const value = headers.get(name)
    // Another library's request may have a `Map` as its headers, which returns `undefined` for a
    // missing name.
    if (value == null) lines += `${name}\n`
    else if (typeof value !== "string" || NOT_IN_VALUE.test(value))
      throw new CacheTypeError(
        "LAYERON_INVALID_REQUEST",
        `${path} must have a string without line feeds, returns and nulls in ${name}, got ${shown(value)}`,
      )
    else lines += `${name}:${value}\n`
  }
  return lines
}

function notRequest(path: string, value: unknown): TypeError {
  return new CacheTypeError(
    "LAYERON_INVALID_REQUEST",
    `${path} must be a Request, a URL or an absolute http: or https: URL string, got ${shown(value)}`,
  )
}
