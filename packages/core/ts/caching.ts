import type { BackendModule, Route, RouteHandler } from "../index.js"
import { type Perform, respond } from "./answer.js"
import { own } from "./check.js"
import { Failures } from "./failures.js"
import type { GatewaySettings } from "./gateway-options.js"
import { released } from "./hold.js"
import type { Declared } from "./routes.js"
import { Screen } from "./screen.js"
import { type Run, UsedCache } from "./used-cache.js"
import { Warnings } from "./warnings.js"

/** Methods of routes that change something (RFC 9110, section 9.2.1). */
const UNSAFE = ["POST", "PUT", "PATCH", "DELETE"]

/** Runs routes through the used caches whose rules cover them. */
export class Caching {
  readonly #defaultAuth: string
  readonly #addsFields: boolean
  readonly #screen: Screen
  readonly #caches: UsedCache[] = []
  readonly #failures = new Failures()
  readonly #warnings = new Warnings()

  constructor(settings: GatewaySettings) {
    this.#defaultAuth = settings.defaultAuth
    this.#addsFields = settings.cors !== undefined
    this.#screen = new Screen(settings, this.#warnings)
  }

  use(module: BackendModule): void {
    const cache = UsedCache.of(module)
    if (cache !== undefined) this.#caches.push(cache)
  }

  /** Answers a request with a route. Never rejects. */
  readonly perform: Perform = async (declared, request) => {
    try {
      return await this.#reply(declared, request)
    } catch (error) {
      return this.#failures.answer(request, error)
    }
  }

  #reply(declared: Declared, request: Request): Promise<Response> {
    const { method } = declared.route
    if (method === "GET") return this.#read(declared, request)
    if (UNSAFE.includes(method)) return this.#write(declared, request)
    // An answer to HEAD is never stored, and a stored GET would replace that of the HEAD route.
    return this.#respond(declared.handler, request)
  }

  /** Answers a request that reads, through the first cache that covers it. */
  async #read({ route, handler }: Declared, request: Request): Promise<Response> {
    const cache = this.#caches.find((known) => known.covers(request))
    if (cache === undefined || !this.#isShareable(route)) return this.#respond(handler, request)
    const run = this.#run(handler, (response) => this.#screen.read(response, route))
    return released(await cache.fetch(request, run))
  }

  /** Answers a request that writes, through all caches that cover it: each has to invalidate. */
  async #write({ route, handler }: Declared, request: Request): Promise<Response> {
    const caches = this.#caches.filter((known) => known.covers(request))
    if (caches.length === 0) return this.#respond(handler, request)
    if (this.#obstacle(route) === undefined) {
      const run = this.#run(handler, (response) => this.#screen.write(response))
      const through = caches.reduceRight<Run>(
        (next, cache) => (asked) => cache.fetch(asked, next),
        run,
      )
      return released(await through(request))
    }
    const response = await this.#respond(handler, request)
    for (const cache of caches) await cache.invalidate(request, response)
    return response
  }

  /**
   * The response of a handler, copied if header fields are added to it: a handler may return a
   * response twice, or an immutable one.
   */
  async #respond(handler: RouteHandler, request: Request): Promise<Response> {
    const response = await respond(handler, request)
    return this.#addsFields ? new Response(response.body, response) : response
  }

  #run(handler: RouteHandler, screen: (response: Response) => Response): Run {
    return (asked) =>
      this.#failures.run(asked, async () => screen(await this.#respond(handler, asked)))
  }

  /** Whether the answers of a route may be shared. Otherwise warns. */
  #isShareable(route: Route): boolean {
    const obstacle = this.#obstacle(route)
    if (obstacle === undefined) return true
    this.#warnings.notCached(route, `of its ${obstacle}, which a stored response would get around`)
    return false
  }

  /** The option of a route that asks for checks before the handler, which a hit would skip. */
  #obstacle({ options }: Route): "auth" | "use" | undefined {
    const { auth, use } = own(options, ["auth", "use"])
    if ((auth ?? this.#defaultAuth) !== "public") return "auth"
    const isEmpty = use === undefined || (Array.isArray(use) && use.length === 0)
    return isEmpty ? undefined : "use"
  }
}
