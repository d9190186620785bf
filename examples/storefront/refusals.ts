import type { RouteHandler } from "@layeron/core"
import { InvalidChange, UnknownProduct } from "./products.ts"

/**
 * Runs the handler and answers its errors: 404 for an unknown product, 400 for an invalid body.
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

/** Not stored by any cache: such a product may exist soon. */
function refusal(status: number, error: string): Response {
  return Response.json({ error }, { status, headers: { "cache-control": "no-store" } })
}
