import type { BackendModule } from "../index.js"
import { answer, failed } from "./answer.js"
import { Caching } from "./caching.js"
import { Cors, corsFields, isPreflight } from "./cors.js"
import type { GatewaySettings } from "./gateway-options.js"
import type { Routes } from "./routes.js"

/** The gateway in front of the routes: CORS, and behind it the used caches. */
export class Gateway {
  readonly #caching: Caching
  readonly #cors: Cors | undefined

  constructor(settings: GatewaySettings) {
    this.#caching = new Caching(settings)
    this.#cors = settings.cors && new Cors(settings.cors)
  }

  use(module: BackendModule): void {
    this.#caching.use(module)
  }

  /** Answers a request with the declared routes. Never rejects. */
  async answer(routes: Routes, request: Request): Promise<Response> {
    try {
      const cors = this.#cors
      return await (cors
        ? this.#answerAcrossOrigins(cors, routes, request)
        : this.#answer(routes, request))
    } catch (error) {
      return failed(request, error)
    }
  }

  #answer(routes: Routes, request: Request): Promise<Response> {
    return answer(routes, request, this.#caching.perform)
  }

  async #answerAcrossOrigins(cors: Cors, routes: Routes, request: Request): Promise<Response> {
    const hasOptionsRoute =
      request.method === "OPTIONS" && routes.find("OPTIONS", request) !== undefined
    if (!hasOptionsRoute && isPreflight(request) && routes.methodsFor(request).length > 0) {
      return cors.preflight(request)
    }
    const response = await this.#answer(routes, request)
    // A declared OPTIONS route decides on preflights itself.
    if (hasOptionsRoute && corsFields(response.headers).length > 0) return response
    await cors.addTo(response, request)
    return response
  }
}
