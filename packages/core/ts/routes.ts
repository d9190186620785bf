import { getPath, mergePath } from "hono/utils/url"
import type { Route, RouteHandler } from "../index.js"
import { createRouter } from "./router.js"

/** In the order in which `Allow` lists them. */
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

/** A declared route and its handler. */
export interface Declared {
  readonly route: Route
  readonly handler: RouteHandler
}

/**
 * The declared routes, matched by Hono's routers. Hono's dispatch is not used: it turns every HEAD
 * into a GET and would never reach a HEAD route.
 */
export class Routes {
  readonly #router = createRouter<Declared>()
  readonly #basePath: string
  readonly #declared: Route[] = []

  constructor(basePath: string) {
    // `find` matches the decoded path of a request, so the base path is decoded the same way.
    const decoded = getPath(new Request(`http://localhost${basePath}/`)).slice(0, -1)
    this.#basePath = mergePath("/", decoded)
  }

  get declared(): readonly Route[] {
    return Object.freeze([...this.#declared])
  }

  add(route: Route, handler: RouteHandler): void {
    const declared: Declared = { route: Object.freeze(route), handler }
    this.#router.add(route.method, mergePath(this.#basePath, route.path), declared)
    this.#declared.push(route)
  }

  /** The first declared route for a method and the path of a request. */
  find(method: string, request: Request): Declared | undefined {
    // A method is any token, and the router would find inherited members of its plain objects under
    // one such as "constructor".
    if (!METHODS.includes(method)) return undefined
    return this.#router.match(method, getPath(request))[0][0]?.[0]
  }

  /** The methods that a request for the same path could use; empty for an undeclared path. */
  methodsFor(request: Request): string[] {
    const found = METHODS.filter((method) => this.find(method, request))
    if (found.length === 0) return []
    return METHODS.filter((method) => found.includes(method) || isImplied(method, found))
  }
}

function isImplied(method: string, found: string[]): boolean {
  return method === "OPTIONS" || (method === "HEAD" && found.includes("GET"))
}
