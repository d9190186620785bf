/** What {@link backend} takes. Every option may be left out. */
export interface BackendOptions {
  /** Name of the project the backend belongs to, e.g. `"store-api"`. Any non-empty string. */
  readonly project?: string | undefined

  /** Name of this backend within its project. Any non-empty string. */
  readonly name?: string | undefined

  /**
   * Where the backend is deployed: an absolute `http:` or `https:` URL such as `"https://api.example.com/v1"`, without
   * credentials, query, fragment, and without `:` or `*` in its path.
   *
   * Its path is the base path of every route, and {@link BackendApp.fetch} answers only requests for its host (a
   * request for another host is a 404). `layer dev` keeps the base path and leaves the host out.
   *
   * Default: no base path, every host.
   */
  readonly endpoint?: string | undefined

  /** Settings for the gateway in front of the backend. Kept as configuration: no effect on how requests are answered. */
  readonly gateway?: Readonly<Record<string, unknown>> | undefined
}

/** What a module (for instance what `cache()` of `@layeron/modules` returns) shows of itself to the backend. */
export interface BackendModule {
  /** What the module is, e.g. `"cache"`. */
  readonly kind: string
  /** Name of the instance, e.g. `"public-api"`. */
  readonly name: string
  /** Namespace of the instance, e.g. `"storefront"`. */
  readonly namespace: string
  /** `namespace/name`, e.g. `"storefront/public-api"`. */
  readonly identity: string
}

/**
 * What a handler may give back. A `Response` is sent as it is, `undefined` becomes an empty 204, and any other value is
 * sent as JSON with status 200.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler without a return statement is one that answers 204
export type RouteResult = Response | object | string | number | boolean | null | undefined | void

/**
 * Answers the requests of one route.
 *
 * A `Response` may also be thrown, and is then the answer. Anything else that is thrown, and a result that JSON cannot
 * hold, is answered with a 500 that tells nothing about the error; the error goes to standard error with its stack.
 */
export type RouteHandler = (request: Request) => RouteResult | Promise<RouteResult>

/** Settings of one route, kept as they are given: see {@link BackendApp.routes}. */
export type RouteOptions = Readonly<Record<string, unknown>>

/** A declared route. */
export interface Route {
  /** Method in upper case. */
  readonly method: string
  /** Path pattern as declared, without the base path. */
  readonly path: string
  /** The options it was declared with; empty when there were none. */
  readonly options: RouteOptions
}

/**
 * Declares a route.
 *
 * `path` begins with `/` and is a Hono pattern: `/api/products/:id`, `/files/*`, `/posts/:id{[0-9]+}`, `/api/:version?`.
 * Where several patterns match a request, the one declared first answers.
 *
 * @returns The app, for chaining.
 * @throws TypeError with `code: "LAYERON_INVALID_OPTION"` for a path, options or handler of the wrong kind.
 * @throws Error once the app has answered its first request: routes are declared before.
 */
export interface DeclareRoute {
  (path: string, handler: RouteHandler): BackendApp
  (path: string, options: RouteOptions, handler: RouteHandler): BackendApp
}

/** A backend: its routes, its modules, and `fetch`, which answers requests with them. */
export interface BackendApp {
  /** The project it was declared with. */
  readonly project: string | undefined
  /** The name it was declared with. */
  readonly name: string | undefined
  /** The endpoint it was declared with. */
  readonly endpoint: string | undefined
  /** The gateway settings it was declared with. */
  readonly gateway: Readonly<Record<string, unknown>> | undefined
  /** The modules in use, in the order of {@link BackendApp.use}. */
  readonly modules: readonly BackendModule[]
  /** The routes in the order of their declaration. */
  readonly routes: readonly Route[]

  /**
   * Registers a module. Registering one object again changes nothing.
   *
   * @returns The app, for chaining.
   * @throws TypeError with `code: "LAYERON_INVALID_OPTION"` for anything that is not a module.
   */
  use(module: BackendModule): BackendApp

  /** Declares a GET route. It answers HEAD requests too, without the body, unless a HEAD route of its own does. */
  readonly get: DeclareRoute
  /** Declares a POST route. */
  readonly post: DeclareRoute
  /** Declares a PUT route. */
  readonly put: DeclareRoute
  /** Declares a PATCH route. */
  readonly patch: DeclareRoute
  /** Declares a DELETE route. */
  readonly delete: DeclareRoute
  /** Declares a HEAD route, which takes precedence over what the GET route of the path would answer. */
  readonly head: DeclareRoute
  /** Declares an OPTIONS route. Without one, OPTIONS of a declared path answers 204 with `Allow`. */
  readonly routeOptions: DeclareRoute

  /**
   * Answers a request. Never rejects, and needs no `this`: it can be handed to a server as it is.
   *
   * Answers of its own are JSON, `{ "error": { "code", "message" } }`: 404 `not_found` for a path nobody declared, 405
   * `method_not_allowed` with `Allow` for a declared path without the method, 500 `internal_error` for a handler that
   * failed.
   */
  readonly fetch: (request: Request) => Promise<Response>
}

/**
 * Creates a backend. Export it as the default of a file and `layer dev` serves it.
 *
 *     const app = backend({ project: "store-api" })
 *     app.get("/api/health", () => ({ status: "ok" }))
 *     export default app
 *
 * @throws TypeError with `code: "LAYERON_INVALID_OPTION"` for an option of the wrong kind; the message names the option
 *   and what it may be. An option with an unknown name is ignored with a warning (`process.emitWarning`).
 */
export function backend(options?: BackendOptions): BackendApp
