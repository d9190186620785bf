import type * as native from "../native/addon.js"

/** Conditions and ranges of one client, which a shared run leaves out. */
const CONDITIONS = ["if-none-match", "if-modified-since", "if-range", "range"]

/** Members that a subclass of `Request` may compute from its own state. */
const MEMBERS = ["method", "url", "headers", "signal", "body"] as const

/**
 * The request for the handler of a shared run: without the conditions of the client, with those of
 * the stored response (RFC 9111, section 4.3.1), and with its own signal, because the run outlives
 * the client.
 */
export function handlerRequest(
  request: Request,
  { etag, lastModified }: native.BindingRun,
  signal: AbortSignal,
): Request {
  const headers = new Headers(request.headers)
  for (const name of CONDITIONS) headers.delete(name)
  if (etag !== undefined) headers.set("if-none-match", etag)
  if (lastModified !== undefined) headers.set("if-modified-since", lastModified)
  const { method, redirect } = request
  return derived(request, { method, headers, signal, redirect, ...bodyOf(request) })
}

/** A GET in place of a HEAD. */
export function asGet(request: Request): Request {
  const { method, headers, signal } = request
  return method === "HEAD" ? derived(request, { headers, signal }) : request
}

/**
 * The request without cookies; the same object if it has none. A subclass may have read them in its
 * constructor, so it is created again by it if that takes a URL and an init.
 */
export function withoutCookies(request: Request): Request {
  if (!request.headers.has("cookie")) return request
  const headers = new Headers(request.headers)
  headers.delete("cookie")
  const { method, redirect, signal } = request
  const init = { method, headers, signal, redirect, ...bodyOf(request) }
  return remade(request, init) ?? new Request(request.url, init)
}

function remade(request: Request, init: RequestInit): Request | undefined {
  try {
    const made = new (request.constructor as typeof Request)(request.url, init)
    return made.headers.has("cookie") || made.url !== request.url ? undefined : made
  } catch {
    return undefined
  }
}

/** A run with a body is shared only if a rule lists the method. */
function bodyOf({ method, body }: Request): RequestInit {
  return method === "GET" || body == null ? {} : ({ body, duplex: "half" } as RequestInit)
}

/**
 * A request of the same class as `request`, with its prototype, own properties and `init`. The
 * subclass's constructor is not called, because its arguments are unknown.
 */
function derived(request: Request, init: RequestInit): Request {
  const root = rootClass(request)
  if (root === undefined) return new Request(request.url, init)
  const made = new root(request.url, init)
  const members = MEMBERS.map((name) => [name, made[name]] as const)
  Object.setPrototypeOf(made, Object.getPrototypeOf(request))
  for (const key of Reflect.ownKeys(request)) {
    const isTaken = Object.hasOwn(made, key) || (MEMBERS as readonly PropertyKey[]).includes(key)
    const descriptor = Object.getOwnPropertyDescriptor(request, key)
    if (descriptor !== undefined && !isTaken) Object.defineProperty(made, key, descriptor)
  }
  for (const [name, value] of members) {
    if (!has(made, name, value)) Object.defineProperty(made, name, { value, configurable: true })
  }
  return made
}

/** The `Request` class that the class of `request` extends, or `undefined`. */
function rootClass(request: Request): typeof Request | undefined {
  let root: { prototype?: object } | undefined
  for (let prototype = parentOf(request); prototype !== null; prototype = parentOf(prototype)) {
    const isOfObject = parentOf(prototype) === null
    if (!isOfObject && Object.hasOwn(prototype, "constructor")) root = prototype.constructor
  }
  const isRequest = MEMBERS.every((name) => name in (root?.prototype ?? {}))
  return isRequest ? (root as typeof Request) : undefined
}

function parentOf(value: object): object | null {
  return Object.getPrototypeOf(value) as object | null
}

/**
 * A member of a subclass may throw if it uses private fields, which only its constructor creates.
 */
function has(request: Request, name: keyof Request, value: unknown): boolean {
  try {
    return request[name] === value
  } catch {
    return false
  }
}
