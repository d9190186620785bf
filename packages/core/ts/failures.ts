import { report } from "./answer.js"
import { internalError } from "./reply.js"

/**
 * Reports failures of handlers behind a cache, once per handler run: one run may fail many callers,
 * or none if a stale response is served instead.
 */
export class Failures {
  readonly #reported = new WeakSet<object>()

  /** Runs a handler, and reports if it fails. */
  async run<Result>(request: Request, handler: () => Promise<Result>): Promise<Result> {
    try {
      return await handler()
    } catch (thrown) {
      report(request, thrown)
      const error = Object(thrown) === thrown ? thrown : new Error(String(thrown))
      this.#reported.add(error as object)
      throw error
    }
  }

  /** The answer to a caller that failed. */
  answer(request: Request, error: unknown): Response {
    if (!this.#reported.has(error as object)) report(request, error)
    return internalError()
  }
}
