import type { RouteHandler, RouteResult } from "../index.js"
import {
  availableMethods,
  internalError,
  isResponse,
  methodNotAllowed,
  notFound,
  toResponse,
  withoutBody,
} from "./reply.js"
import type { Routes } from "./routes.js"

/** Answers a request with the declared routes. Never rejects. */
export async function answer(routes: Routes, request: Request): Promise<Response> {
  if (request.method !== "HEAD") return dispatch(routes, request)
  return withoutBody(await dispatch(routes, request))
}

async function dispatch(routes: Routes, request: Request): Promise<Response> {
  const { method } = request
  const handler =
    routes.find(method, request) ?? (method === "HEAD" ? routes.find("GET", request) : undefined)
  if (handler) return run(handler, request)
  const allowed = routes.methodsFor(request)
  if (allowed.length === 0) return notFound()
  return method === "OPTIONS" ? availableMethods(allowed) : methodNotAllowed(method, allowed)
}

async function run(handler: RouteHandler, request: Request): Promise<Response> {
  try {
    return toResponse(await resultOf(handler, request))
  } catch (error) {
    return failed(request, error)
  }
}

/** A thrown response is a result like a returned one. */
async function resultOf(handler: RouteHandler, request: Request): Promise<RouteResult> {
  try {
    return await handler(request)
  } catch (thrown) {
    if (isResponse(thrown)) return thrown
    throw thrown
  }
}

/** Writes the error to standard error, for the operator, and answers without a word of it. */
export function failed(request: Request, error: unknown): Response {
  console.error(`${request.method} ${new URL(request.url).pathname} failed:`, error)
  return internalError()
}
