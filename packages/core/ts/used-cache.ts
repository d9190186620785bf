import type { BackendModule } from "../index.js"
import { heldBack } from "./hold.js"

/** Makes a response for a request. */
export type Run = (request: Request) => Promise<Response>

/** What of a module makes it a cache that handlers can be run through. */
interface CacheModule extends BackendModule {
  wrap(
    handler: (request: Request, run: Run) => Promise<Response>,
  ): (request: Request, run: Run) => Promise<Response>
  covers(request: Request): boolean
}

/** A cache in use. */
export class UsedCache {
  readonly #module: CacheModule
  readonly #wrapped: ReturnType<CacheModule["wrap"]>

  private constructor(module: CacheModule) {
    this.#module = module
    this.#wrapped = module.wrap((request, run) => run(request))
  }

  /** `undefined` for a module that is something else. */
  static of(module: BackendModule): UsedCache | undefined {
    return isCacheModule(module) ? new UsedCache(module) : undefined
  }

  /** Whether a rule is meant for the request, or for a GET of what the request changes. */
  covers(request: Request): boolean {
    try {
      return this.#module.covers(request)
    } catch (error) {
      // One that has been given up is no reason to answer nobody.
      if ((error as { code?: unknown } | null)?.code === "LAYERON_CLOSED") return false
      throw error
    }
  }

  /** Answers from the store, or with what the run brings. */
  fetch(request: Request, run: Run): Promise<Response> {
    return this.#wrapped(request, run)
  }

  /**
   * Lets the cache know how a request was answered past it, so that what the request has changed is
   * not served any longer.
   */
  async heed(request: Request, { status, headers }: Response): Promise<void> {
    const heeded = await this.#wrapped(request, async () =>
      heldBack(new Response(null, { status, headers })),
    )
    await heeded.body?.cancel()
  }
}

function isCacheModule(module: BackendModule): module is CacheModule {
  const { kind, wrap, covers } = module as Partial<CacheModule>
  return kind === "cache" && typeof wrap === "function" && typeof covers === "function"
}
