import type { BackendModule } from "../index.js"
import { heldBack } from "./hold.js"

/** Makes a response for a request. */
export type Run = (request: Request) => Promise<Response>

/** A module with the functions of a cache. */
interface CacheModule extends BackendModule {
  wrap(
    handler: (request: Request, run: Run) => Promise<Response>,
  ): (request: Request, run: Run) => Promise<Response>
  covers(request: Request): boolean
}

/** A cache that the app uses. */
export class UsedCache {
  readonly #module: CacheModule
  readonly #wrapped: ReturnType<CacheModule["wrap"]>

  private constructor(module: CacheModule) {
    this.#module = module
    this.#wrapped = module.wrap((request, run) => run(request))
  }

  /** `undefined` for a module that is no cache. */
  static of(module: BackendModule): UsedCache | undefined {
    return isCacheModule(module) ? new UsedCache(module) : undefined
  }

  /** Whether a rule covers the request, or a GET of the URL that the request changes. */
  covers(request: Request): boolean {
    try {
      return this.#module.covers(request)
    } catch (error) {
      // A closed cache must not fail requests.
      if ((error as { code?: unknown } | null)?.code === "LAYERON_CLOSED") return false
      throw error
    }
  }

  /** Answers from the store, or with the response of the run. */
  fetch(request: Request, run: Run): Promise<Response> {
    return this.#wrapped(request, run)
  }

  /** Lets the cache invalidate for a request that was answered without it. */
  async invalidate(request: Request, { status, headers }: Response): Promise<void> {
    const passed = await this.#wrapped(request, async () =>
      heldBack(new Response(null, { status, headers })),
    )
    await passed.body?.cancel()
  }
}

function isCacheModule(module: BackendModule): module is CacheModule {
  const { kind, wrap, covers } = module as Partial<CacheModule>
  return kind === "cache" && typeof wrap === "function" && typeof covers === "function"
}
