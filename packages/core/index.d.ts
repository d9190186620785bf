/** Options of {@link backend}. All are optional. */
export interface BackendOptions {
  /** Name of the project the backend belongs to, e.g. `"store-api"`. Any non-empty string. */
  readonly project?: string | undefined

  /** Name of this backend within its project. Any non-empty string. */
  readonly name?: string | undefined

  /**
   * Where the backend is deployed: an absolute `http:` or `https:` URL such as
   * `"https://api.example.com/v1"`, without credentials, query, fragment, and without `:` or `*` in
   * its path.
   *
   * Its path is the base path of every route, and {@link BackendApp.fetch} answers only requests
   * for its host (a request for another host is a 404). `layer dev` keeps the base path and leaves
   * the host out.
   *
   * Default: no base path, every host.
   */
  readonly endpoint?: string | undefined

  /** Settings for the gateway in front of the backend. */
  readonly gateway?: GatewayConfig | undefined
}

/**
 * Settings for the gateway in front of the backend. They are retained in {@link
 * BackendApp.gateway}, and have no effect on requests unless {@link GatewayConfig.cache} is true.
 */
export interface GatewayConfig {
  /**
   * Whether routes run through the caches in use. Default: false; the other settings have no effect
   * then.
   *
   * A GET request that a rule of a used cache covers (a module of kind `cache` with the functions
   * `wrap` and `covers`, as `cache()` of `@layeron/modules` returns) is answered from the first
   * such cache. On a miss the route's handler runs once for all concurrent requests for the same
   * response, which is stored by the rule's policy. The handler needs no `match` and no `put`; its
   * own calls of them work as without the gateway.
   *
   * - A successful unsafe request invalidates its URL in every cache that covers it.
   * - Fields for one client are removed from the responses of cached routes: `Access-Control-*`,
   *   `Timing-Allow-Origin`, `Authentication-Info`, `Proxy-Authentication-Info`, `Authorization`
   *   and {@link GatewayConfig.responseRequestIdHeader}. {@link GatewayConfig.cors} adds the CORS
   *   fields for the origin of each request.
   * - Not stored, and sent unchanged: a 401, a response with `WWW-Authenticate`, and, without
   *   {@link GatewayConfig.cors}, one that sets `Access-Control-*` itself.
   * - Not stored under a rule's or an instance's `ttlSeconds`: the response to a request with
   *   cookies, unless it declares that it may be shared or a rule has `cookies: "ignore"`.
   * - Not run through a cache: a route that is not public (see {@link GatewayConfig.defaultAuth}),
   *   or whose option `use` is not an empty array, since a stored response would skip these checks;
   *   and HEAD routes. HEAD of a GET route is cached.
   *
   * A route that is covered and not cached causes one warning of code `LAYERON_NOT_CACHED`. The
   * error of a handler is written to standard error once per run, also if a stale response is
   * served instead.
   */
  readonly cache?: boolean | undefined

  /**
   * Lets pages of other origins read the answers. Effective only with {@link GatewayConfig.cache}.
   * Default: no fields are added.
   */
  readonly cors?: GatewayCorsConfig | undefined

  /**
   * The policy of routes whose options have no `auth`: `public`, `user`, `service` or `admin`. Only
   * public ones are cached; the handlers have to refuse unauthorised requests. Effective only with
   * {@link GatewayConfig.cache}. Default: `public`.
   */
  readonly defaultAuth?: "public" | "user" | "service" | "admin" | undefined

  /**
   * Name of the response header that holds a request's id, which cached routes do not send.
   * Effective only with
   * {@link GatewayConfig.cache}. Default: `x-layeron-request-id`.
   */
  readonly responseRequestIdHeader?: string | undefined

  /** Other settings are retained in {@link BackendApp.gateway}, and have no effect. */
  readonly [other: string]: unknown
}

/**
 * Cross-origin requests that are allowed (CORS; Fetch standard, section 3.3).
 *
 * Every response, also an error or one from a cache, gets the fields for its request's origin,
 * which replace those of the handler, and `Vary: Origin`. The response to a preflight of a declared
 * path is a 204 if its origin, method and headers are allowed, and a 403 (`preflight_refused`)
 * otherwise. If the path has an OPTIONS route, that answers preflights, and its `Access-Control-*`
 * fields are sent.
 */
export interface GatewayCorsConfig {
  /**
   * Origins as browsers send them, such as `https://www.example.com`: without a path, and without
   * the default port. `"*"` allows all of them, and is refused together with {@link
   * GatewayCorsConfig.credentials}.
   */
  readonly origins: readonly string[]
  /** Methods allowed by preflights. Default: the CORS-safelisted GET, HEAD and POST. */
  readonly methods?:
    | readonly ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS")[]
    | undefined
  /** Names of the request headers allowed by preflights, in any case. Default: none. */
  readonly requestHeaders?: readonly string[] | undefined
  /**
   * Names of the response headers that pages may read. Default: the CORS-safelisted ones alone.
   */
  readonly responseHeaders?: readonly string[] | undefined
  /** Whether requests may have credentials, such as cookies. Default: false. */
  readonly credentials?: boolean | undefined
  /**
   * Seconds for which browsers may store the response to a preflight, an int32 from 0. Default:
   * that of the browser.
   */
  readonly maxAgeSeconds?: number | undefined
}

/** A module of the backend, for example the one that `cache()` of `@layeron/modules` returns. */
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
 * What a handler may return. A `Response` is sent unchanged, `undefined` becomes an empty 204,
 * and any other value is sent as JSON with status 200.
 */
// biome-ignore lint/suspicious/noConfusingVoidType: a handler that returns nothing answers 204
export type RouteResult = Response | object | string | number | boolean | null | undefined | void

/**
 * Answers the requests of one route.
 *
 * A thrown `Response` is the answer. Any other thrown value, and a result that JSON cannot
 * represent, is answered with a 500 without details; the error is written to standard error with
 * its stack.
 */
export type RouteHandler = (request: Request) => RouteResult | Promise<RouteResult>

/**
 * Settings of one route, retained unchanged in {@link BackendApp.routes}. With {@link
 * GatewayConfig.cache}, `auth` and `use` decide whether the route is cached.
 */
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
 * `path` begins with `/` and is a Hono pattern: `/api/products/:id`, `/files/*`,
 * `/posts/:id{[0-9]+}`, `/api/:version?`. Where several patterns match a request, the one declared
 * first answers.
 *
 * @returns The app, for chaining.
 * @throws TypeError with `code: "LAYERON_INVALID_OPTION"` for a path, options or handler of the
 *   wrong kind.
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
  readonly gateway: GatewayConfig | undefined
  /** The modules in use, in the order of {@link BackendApp.use}. */
  readonly modules: readonly BackendModule[]
  /** The routes in the order of their declaration. */
  readonly routes: readonly Route[]

  /**
   * Registers a module. Registering one object again changes nothing. With {@link
   * GatewayConfig.cache}, a cache is put in front of the routes that its rules cover; of several
   * that cover a request that only reads, the one registered first.
   *
   * @returns The app, for chaining.
   * @throws TypeError with `code: "LAYERON_INVALID_OPTION"` for anything that is not a module.
   */
  use(module: BackendModule): BackendApp

  /**
   * Declares a GET route. It answers HEAD requests too, without the body, unless a HEAD route of
   * its own does.
   */
  readonly get: DeclareRoute
  /** Declares a POST route. */
  readonly post: DeclareRoute
  /** Declares a PUT route. */
  readonly put: DeclareRoute
  /** Declares a PATCH route. */
  readonly patch: DeclareRoute
  /** Declares a DELETE route. */
  readonly delete: DeclareRoute
  /**
   * Declares a HEAD route, which takes precedence over what the GET route of the path would answer.
   */
  readonly head: DeclareRoute
  /**
   * Declares an OPTIONS route. Without one, OPTIONS of a declared path answers 204 with `Allow`.
   */
  readonly routeOptions: DeclareRoute

  /**
   * Answers a request. Never rejects, and needs no `this`: it can be handed to a server as it is.
   *
   * Answers of its own are JSON, `{ "error": { "code", "message" } }`: 404 `not_found` for a path
   * that is not declared, 405 `method_not_allowed` with `Allow` for a declared path without the
   * method, 500 `internal_error` for a handler that failed.
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
 * @throws TypeError with `code: "LAYERON_INVALID_OPTION"` for an option of the wrong kind; the
 *   message names the option and what it may be. An option with an unknown name is ignored with a
 *   warning (`process.emitWarning`).
 */
export function backend(options?: BackendOptions): BackendApp
