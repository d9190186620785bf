import { type BackendApp, backend, type GatewayConfig } from "@layeron/core"
import type { CacheModule, CacheModuleOptions } from "@layeron/modules"
import { freshCache, url } from "./cache"

/** Origins of pages. C is not allowed anywhere. */
export const A = "https://a.example"
export const B = "https://b.example"
export const C = "https://c.example"

/** Where the covered routes of {@link shop} are. */
export const PATH = "/items/:id"
/** One of them. */
export const AT = "/items/1"

export interface Shop {
  readonly app: BackendApp
  readonly module: CacheModule
}

/** An app behind a gateway, and a cache of it that covers {@link PATH}. */
export function shop(gateway: GatewayConfig = {}, options: Partial<CacheModuleOptions> = {}): Shop {
  const module = freshCache({ rules: [{ path: PATH, ttlSeconds: 60 }], ...options })
  const app = backend({ gateway: { cache: true, ...gateway } }).use(module)
  return { app, module }
}

export function send(
  app: BackendApp,
  path = AT,
  { method = "GET", ...headers }: Record<string, string> = {},
): Promise<Response> {
  return app.fetch(new Request(url(path), { method, headers }))
}

/** A preflight from {@link A} for a PUT. */
export function preflight(
  app: BackendApp,
  path: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  return send(app, path, {
    method: "OPTIONS",
    origin: A,
    "access-control-request-method": "PUT",
    ...headers,
  })
}

/** How a response came about, without the name of the cache and how long it is fresh. */
export function cameBy(response: Response): string | undefined {
  const status = response.headers.get("cache-status")
  return status?.replace(/\S+\/\S+?; /g, "").replace(/; ttl=-?\d+/g, "")
}

/** The fields that tell who may read a response. */
export function access(response: Response): Record<string, string> {
  const names = [...response.headers].filter(
    ([name]) => name.startsWith("access-control-") || name === "vary",
  )
  return Object.fromEntries(names)
}

/** The warnings that are given from now on, as texts. */
export function warnings(): string[] {
  const given: string[] = []
  jest.spyOn(process, "emitWarning").mockImplementation((warning) => given.push(String(warning)))
  return given
}

/** What is written to standard error from now on, call by call. */
export function errorsWritten(): unknown[][] {
  return jest.spyOn(console, "error").mockImplementation().mock.calls
}
