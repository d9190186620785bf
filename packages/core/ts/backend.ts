import type { BackendApp, BackendModule, BackendOptions, DeclareRoute, Route } from "../index.js"
import { answer } from "./answer.js"
import { readDeclaration } from "./declaration.js"
import { Gateway } from "./gateway.js"
import { type LocalService, local } from "./local.js"
import { readModule, readOptions, type Settings } from "./options.js"
import { notFound } from "./reply.js"
import { Routes } from "./routes.js"

/** The routes for requests for another host: none. */
const NO_ROUTES = new Routes("")

export function backend(options?: BackendOptions): BackendApp {
  return new Backend(readOptions(options))
}

class Backend implements BackendApp {
  readonly #settings: Settings
  readonly #routes: Routes
  readonly #modules = new Set<BackendModule>()
  readonly #gateway: Gateway | undefined

  constructor(settings: Settings) {
    this.#settings = settings
    this.#routes = new Routes(settings.location.basePath)
    this.#gateway = settings.caching && new Gateway(settings.caching)
  }

  get project(): string | undefined {
    return this.#settings.project
  }

  get name(): string | undefined {
    return this.#settings.name
  }

  get endpoint(): string | undefined {
    return this.#settings.endpoint
  }

  get gateway(): BackendApp["gateway"] {
    return this.#settings.gateway
  }

  get modules(): readonly BackendModule[] {
    return Object.freeze([...this.#modules])
  }

  get routes(): readonly Route[] {
    return this.#routes.declared
  }

  use(given: BackendModule): this {
    const module = readModule(given)
    if (this.#modules.has(module)) return this
    this.#gateway?.use(module)
    this.#modules.add(module)
    return this
  }

  readonly get = this.#declare("GET", "get")
  readonly post = this.#declare("POST", "post")
  readonly put = this.#declare("PUT", "put")
  readonly patch = this.#declare("PATCH", "patch")
  readonly delete = this.#declare("DELETE", "delete")
  readonly head = this.#declare("HEAD", "head")
  readonly routeOptions = this.#declare("OPTIONS", "routeOptions")

  readonly fetch = async (request: Request): Promise<Response> => {
    const { host } = this.#settings.location
    const isElsewhere = host !== undefined && new URL(request.url).host !== host
    if (this.#gateway) return this.#gateway.answer(isElsewhere ? NO_ROUTES : this.#routes, request)
    return isElsewhere ? notFound() : answer(this.#routes, request)
  }

  get [local](): LocalService {
    const { basePath } = this.#settings.location
    const gateway = this.#gateway
    const fetch = (request: Request) =>
      gateway ? gateway.answer(this.#routes, request) : answer(this.#routes, request)
    return { basePath, fetch }
  }

  #declare(method: string, call: string): DeclareRoute {
    return (path: string, ...rest: readonly unknown[]): this => {
      const { handler, options } = readDeclaration(`app.${call}()`, path, rest)
      this.#routes.add({ method, path, options }, handler)
      return this
    }
  }
}
