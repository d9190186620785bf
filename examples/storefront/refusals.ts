import type { RouteHandler } from "@layeron/core"
import { InvalidChange, UnknownProduct } from "./products.ts"

/**
 * Runs the handler and turns what it refuses into an answer: 404 for an unknown product, 400 for a
 * bad body.
 */
export function refusals(handler: RouteHandler): RouteHandler {
  return async (request) => {
    try {
      return await handler(request)
    } catch (error) {
      if (error instanceof UnknownProduct) return refusal(404, error.message)
      if (error instanceof InvalidChange) return refusal(400, error.message)
      if (error instanceof SyntaxError) return refusal(400, "The body must be JSON")
      throw error
    }
  }
}

/** Not to be kept by any cache: there may be such a product soon. */
function refusal(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: { "cache-control": "no-store" } })
}
