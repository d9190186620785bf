import { Hono } from "hono"
import { cors } from "hono/cors"
import type { CorsSettings } from "./cors-options.js"
import { preflightRefused } from "./reply.js"

/** Whether a request is a CORS preflight (Fetch standard, section 3.3). */
export function isPreflight({ method, headers }: Request): boolean {
  return (
    method === "OPTIONS" && headers.has("origin") && headers.has("access-control-request-method")
  )
}

/** Names of the CORS fields of a response. */
export function corsFields(headers: Headers): string[] {
  return [...headers.keys()].filter((name) => name.startsWith("access-control-"))
}

/**
 * Lets pages of other origins read answers (Fetch standard, section 3.3). `hono/cors` writes the
 * `Access-Control-*` fields. What it does not do is here: it grants credentials and readable fields
 * to every origin, answers a preflight that is not allowed with 204, repeats `Vary: Origin`, and
 * copies the response, which a stored response must not be: its body would become a stream.
 */
export class Cors {
  readonly #settings: CorsSettings
  readonly #granting: Hono

  constructor(settings: CorsSettings) {
    this.#settings = settings
    this.#granting = granting(settings)
  }

  /** Replaces the CORS fields of an answer by those for the request's origin. */
  async addTo({ headers }: Response, request: Request): Promise<void> {
    for (const name of corsFields(headers)) headers.delete(name)
    await this.#grant(headers, request, "GET")
  }

  /** The answer to a preflight for a path that exists. */
  async preflight(request: Request): Promise<Response> {
    const refused = this.#refused(request)
    const answer =
      refused === undefined ? new Response(null, { status: 204 }) : preflightRefused(refused)
    if (refused === undefined) await this.#grant(answer.headers, request, "OPTIONS")
    else varyByOrigin(answer.headers)
    return answer
  }

  /** Adds the fields for the request's origin, if it is allowed. OPTIONS is for preflights. */
  async #grant(headers: Headers, request: Request, method: "GET" | "OPTIONS"): Promise<void> {
    varyByOrigin(headers)
    const origin = request.headers.get("origin")
    if (origin === null || !isAllowed(origin, this.#settings)) return
    const granted = await this.#granting.request("/", { method, headers: { origin } })
    for (const name of corsFields(granted.headers)) {
      headers.set(name, granted.headers.get(name) as string)
    }
  }

  /** Which part of a preflight is not allowed. */
  #refused({ headers }: Request): "origin" | "method" | "headers" | undefined {
    const { methods, requestHeaders } = this.#settings
    if (!isAllowed(headers.get("origin") ?? "", this.#settings)) return "origin"
    if (!methods.includes(headers.get("access-control-request-method") ?? "")) return "method"
    const asked = (headers.get("access-control-request-headers") ?? "").split(",")
    const names = asked.map((name) => name.trim().toLowerCase()).filter((name) => name !== "")
    return names.every((name) => requestHeaders.includes(name)) ? undefined : "headers"
  }
}

function isAllowed(origin: string, { origins }: CorsSettings): boolean {
  return origins.includes("*") || origins.includes(origin)
}

/** An app whose empty answers have the CORS fields for the origin of a request. */
function granting({ origins, methods, requestHeaders, ...settings }: CorsSettings): Hono {
  const { responseHeaders, credentials, maxAgeSeconds } = settings
  const app = new Hono()
  app.use(
    cors({
      origin: origins.includes("*") ? "*" : [...origins],
      allowMethods: fieldList(methods),
      allowHeaders: fieldList(requestHeaders),
      exposeHeaders: fieldList(responseHeaders),
      credentials,
      ...(maxAgeSeconds === undefined ? {} : { maxAge: maxAgeSeconds }),
    }),
  )
  return app.get("/", (context) => context.body(null))
}

/** Names as one list member, since `hono/cors` joins members without a space. */
function fieldList(names: readonly string[]): string[] {
  return names.length === 0 ? [] : [names.join(", ")]
}

/** Tells caches between this server and the client that the answer depends on the origin. */
function varyByOrigin(headers: Headers): void {
  const names = (headers.get("vary") ?? "").split(",").map((name) => name.trim().toLowerCase())
  if (!names.includes("*") && !names.includes("origin")) headers.append("vary", "Origin")
}
