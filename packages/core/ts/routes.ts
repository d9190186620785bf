import { Hono } from "hono"
import type { Route, RouteHandler } from "../index.js"

/** In the order in which `Allow` lists them. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

/** A route with what answers it. */
export interface Declared {
  readonly route: Route
  readonly handler: RouteHandler
}

/**
 * The declared routes. Hono's router does the matching; its dispatch is left aside, because it
 * turns every HEAD into a GET and would never reach a HEAD route.
 */
export class Routes {
  readonly #hono: Hono
  readonly #declared: Route[] = []

  constructor(basePath: string) {
    // Requests are matched by their decoded path, so the base path is decoded the same way.
    this.#hono = new Hono().basePath(decodedPath(`http://localhost${basePath}/`).slice(0, -1))
  }

  get declared(): readonly Route[] {
    return Object.freeze([...this.#declared])
  }

  add(route: Route, handler: RouteHandler): void {
    // The router hands back what it was given, and calls nothing.
    const declared: Declared = { route: Object.freeze(route), handler }
    this.#hono.on(route.method, route.path, declared as never)
    this.#declared.push(route)
  }

  find(method: string, request: Request): Declared | undefined {
    // A method is any token, and one like "constructor" would find what plain objects inherit.
    if (!METHODS.includes(method)) return undefined
    const [first] = this.#hono.router.match(method, decodedPath(request.url))[0]
    return first?.[0][0] as unknown as Declared | undefined
  }

  /** The methods that a request for the same path could use; empty for a path nobody declared. */
  methodsFor(request: Request): string[] {
    const found = METHODS.filter((method) => this.find(method, request))
    if (found.length === 0) return []
    return METHODS.filter((method) => found.includes(method) || isImplied(method, found))
  }
}

function isImplied(method: string, found: string[]): boolean {
  return method === "OPTIONS" || (method === "HEAD" && found.includes("GET"))
}

const { getPath } = new Hono()

function decodedPath(url: string): string {
  return getPath({ url } as Request)
}
