import { type BackendApp, backend, type GatewayConfig } from "@layeron/core"
import type { CacheModule, CacheModuleOptions } from "@layeron/modules"
import { freshCache, url } from "./cache"

/** Origins of pages. No gateway allows C. */
export const A = "https://a.example"
export const B = "https://b.example"
export const C = "https://c.example"

/** Pattern of the routes that the rule of {@link shop} covers. */
export const PATH = "/items/:id"
/** A path that {@link PATH} covers. */
export const AT = "/items/1"

export interface Shop {
  readonly app: BackendApp
  readonly module: CacheModule
}

/** Creates an app behind a gateway, with a cache that covers {@link PATH}. */
export function shop(gateway: GatewayConfig = {}, options: Partial<CacheModuleOptions> = {}): Shop {
  const module = freshCache({ rules: [{ path: PATH, ttlSeconds: 60 }], ...options })
  const app = backend({ gateway: { cache: true, ...gateway } }).use(module)
  return { app, module }
}

/** Sends a request to the app. Default: a GET of {@link AT}. */
export function send(
  app: BackendApp,
  path = AT,
  { method = "GET", ...headers }: Record<string, string> = {},
): Promise<Response> {
  return app.fetch(new Request(url(path), { method, headers }))
}

/** Sends a CORS preflight from {@link A} for a PUT. */
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

/** Returns the `Cache-Status` of a response without the names of caches and `ttl`. */
export function cacheStatusOf(response: Response): string | undefined {
  const status = response.headers.get("cache-status")
  return status?.replace(/\S+\/\S+?; /g, "").replace(/; ttl=-?\d+/g, "")
}

/** Returns `Vary` and the CORS header fields of a response. */
export function accessHeaders(response: Response): Record<string, string> {
  const names = [...response.headers].filter(
    ([name]) => name.startsWith("access-control-") || name === "vary",
  )
  return Object.fromEntries(names)
}

/** Collects warnings as texts, from now on. */
export function collectWarnings(): string[] {
  const collected: string[] = []
  jest
    .spyOn(process, "emitWarning")
    .mockImplementation((warning) => collected.push(String(warning)))
  return collected
}

/** Collects the arguments of `console.error` calls, from now on. */
export function collectConsoleErrors(): unknown[][] {
  return jest.spyOn(console, "error").mockImplementation().mock.calls
}
