import { report } from "./answer.js"
import { internalError } from "./reply.js"

/**
 * Failures of handlers that are run through a cache. One run may fail many callers, or none, where
 * a stale response is served instead: each failure is written where it happens, and not again for
 * those who hear of it.
 */
export class Failures {
  readonly #written = new WeakSet<object>()

  /** What `run` comes to, written where it fails. */
  async seen<Result>(request: Request, run: () => Promise<Result>): Promise<Result> {
    try {
      return await run()
    } catch (thrown) {
      report(request, thrown)
      const error = Object(thrown) === thrown ? thrown : new Error(String(thrown))
      this.#written.add(error as object)
      throw error
    }
  }

  answer(request: Request, error: unknown): Response {
    if (!this.#written.has(error as object)) report(request, error)
    return internalError()
  }
}
