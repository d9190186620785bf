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

/** Runs routes through the caches in use whose rules cover them. */
export class Caching {
  readonly #defaultAuth: string
  readonly #isAddedTo: boolean
  readonly #screen: Screen
  readonly #caches: UsedCache[] = []
  readonly #failures = new Failures()
  readonly #warnings = new Warnings()

  constructor(settings: GatewaySettings) {
    this.#defaultAuth = settings.defaultAuth
    this.#isAddedTo = settings.cors !== undefined
    this.#screen = new Screen(settings, this.#warnings)
  }

  use(module: BackendModule): void {
    const cache = UsedCache.of(module)
    if (cache !== undefined) this.#caches.push(cache)
  }

  /** Answers a request by a route. Never rejects. */
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
    // The answer to a HEAD is never stored, and a stored GET would take the place that a HEAD route
    // is declared to have.
    return this.#respond(declared.handler, request)
  }

  /**
   * One cache does: what it does not have comes from the handler, and to more of them that would be
   * no other.
   */
  async #read({ route, handler }: Declared, request: Request): Promise<Response> {
    const cache = this.#caches.find((known) => known.covers(request))
    if (cache === undefined || !this.#isForAll(route)) return this.#respond(handler, request)
    const run = this.#run(handler, (response) => this.#screen.read(response, route))
    return released(await cache.fetch(request, run))
  }

  /** Each cache has something to forget. */
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
    for (const cache of caches) await cache.heed(request, response)
    return response
  }

  /**
   * The response of a handler, to add to. The handler may give one twice, or one that cannot be
   * changed.
   */
  async #respond(handler: RouteHandler, request: Request): Promise<Response> {
    const response = await respond(handler, request)
    return this.#isAddedTo ? new Response(response.body, response) : response
  }

  #run(handler: RouteHandler, screen: (response: Response) => Response): Run {
    return (asked) =>
      this.#failures.seen(asked, async () => screen(await this.#respond(handler, asked)))
  }

  /** Whether everyone may have what a route answers. */
  #isForAll(route: Route): boolean {
    const obstacle = this.#obstacle(route)
    if (obstacle === undefined) return true
    this.#warnings.notCached(route, `of its ${obstacle}, which a stored response would get around`)
    return false
  }

  /**
   * The option by which something has a say on a request before it is answered. Here that is left
   * to the handler, which a hit skips.
   */
  #obstacle({ options }: Route): "auth" | "use" | undefined {
    const { auth, use } = own(options, ["auth", "use"])
    if ((auth ?? this.#defaultAuth) !== "public") return "auth"
    const isEmpty = use === undefined || (Array.isArray(use) && use.length === 0)
    return isEmpty ? undefined : "use"
  }
}
