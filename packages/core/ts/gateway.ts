import type { BackendModule } from "../index.js"
import { answer, failed } from "./answer.js"
import { Caching } from "./caching.js"
import { Cors, corsFields, isPreflight } from "./cors.js"
import type { GatewaySettings } from "./gateway-options.js"
import type { Routes } from "./routes.js"

/**
 * What is in front of the routes: the caches in use, and in front of these what lets pages of other
 * origins read the answers.
 */
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
    const isAsked = request.method === "OPTIONS" && routes.find("OPTIONS", request) !== undefined
    if (!isAsked && isPreflight(request) && routes.methodsFor(request).length > 0) {
      return cors.preflight(request)
    }
    const response = await this.#answer(routes, request)
    // Who declares an OPTIONS route has a say of their own on preflights.
    if (isAsked && corsFields(response.headers).length > 0) return response
    await cors.addTo(response, request)
    return response
  }
}
