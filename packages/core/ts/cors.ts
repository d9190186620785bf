import type { CorsSettings } from "./cors-options.js"
import { preflightRefused } from "./reply.js"

/** A browser asks whether a request may be made (Fetch standard, section 3.3). */
export function isPreflight({ method, headers }: Request): boolean {
  return (
    method === "OPTIONS" && headers.has("origin") && headers.has("access-control-request-method")
  )
}

/** Names of the fields by which a response says who may read it. */
export function corsFields(headers: Headers): string[] {
  return [...headers.keys()].filter((name) => name.startsWith("access-control-"))
}

/** Lets pages of other origins read answers (Fetch standard, section 3.3). */
export class Cors {
  readonly #settings: CorsSettings

  constructor(settings: CorsSettings) {
    this.#settings = settings
  }

  /**
   * Gives an answer the fields for the request's origin, and takes away any that were made for
   * another.
   */
  addTo({ headers }: Response, request: Request): void {
    for (const name of corsFields(headers)) headers.delete(name)
    const { responseHeaders } = this.#settings
    if (this.#allow(headers, request) && responseHeaders.length > 0) {
      headers.set("access-control-expose-headers", responseHeaders.join(", "))
    }
  }

  /** The answer to a preflight for a path that exists. */
  preflight(request: Request): Response {
    const refused = this.#refused(request)
    if (refused !== undefined) {
      const refusal = preflightRefused(refused)
      varyByOrigin(refusal.headers)
      return refusal
    }
    const permission = new Response(null, { status: 204, headers: this.#permission() })
    this.#allow(permission.headers, request)
    return permission
  }

  #permission(): Headers {
    const { methods, requestHeaders, maxAgeSeconds } = this.#settings
    const headers = new Headers({ "access-control-allow-methods": methods.join(", ") })
    if (requestHeaders.length > 0)
      headers.set("access-control-allow-headers", requestHeaders.join(", "))
    if (maxAgeSeconds !== undefined) headers.set("access-control-max-age", String(maxAgeSeconds))
    return headers
  }

  /** What of a preflight is not allowed. */
  #refused(request: Request): string | undefined {
    const { methods, requestHeaders } = this.#settings
    if (this.#originFor(request) === undefined) return "origin"
    if (!methods.includes(request.headers.get("access-control-request-method") ?? ""))
      return "method"
    const asked = (request.headers.get("access-control-request-headers") ?? "").split(",")
    const names = asked.map((name) => name.trim().toLowerCase()).filter((name) => name !== "")
    return names.every((name) => requestHeaders.includes(name)) ? undefined : "headers"
  }

  #originFor(request: Request): string | undefined {
    const { origins } = this.#settings
    const origin = request.headers.get("origin")
    if (origin === null) return undefined
    if (origins.includes("*")) return "*"
    return origins.includes(origin) ? origin : undefined
  }

  /** Tells whether the origin may read the answer. */
  #allow(headers: Headers, request: Request): boolean {
    varyByOrigin(headers)
    const origin = this.#originFor(request)
    if (origin === undefined) return false
    headers.set("access-control-allow-origin", origin)
    if (this.#settings.credentials) headers.set("access-control-allow-credentials", "true")
    return true
  }
}

/**
 * Caches behind this one have to tell apart what is for one origin and for another, and for none.
 */
function varyByOrigin(headers: Headers): void {
  const names = (headers.get("vary") ?? "").split(",").map((name) => name.trim().toLowerCase())
  if (!names.includes("*") && !names.includes("origin")) headers.append("vary", "Origin")
}
