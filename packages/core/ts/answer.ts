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
import type { Declared, Routes } from "./routes.js"

/** Answers a request with a route. Never rejects. */
export type Perform = (declared: Declared, request: Request) => Promise<Response>

/** Answers a request with the declared routes. Never rejects. */
export async function answer(
  routes: Routes,
  request: Request,
  perform: Perform = run,
): Promise<Response> {
  if (request.method !== "HEAD") return dispatch(routes, request, perform)
  return withoutBody(await dispatch(routes, request, perform))
}

async function dispatch(routes: Routes, request: Request, perform: Perform): Promise<Response> {
  const { method } = request
  const declared =
    routes.find(method, request) ?? (method === "HEAD" ? routes.find("GET", request) : undefined)
  if (declared) return perform(declared, request)
  const allowed = routes.methodsFor(request)
  if (allowed.length === 0) return notFound()
  return method === "OPTIONS" ? availableMethods(allowed) : methodNotAllowed(method, allowed)
}

async function run({ handler }: Declared, request: Request): Promise<Response> {
  try {
    return await respond(handler, request)
  } catch (error) {
    return failed(request, error)
  }
}

/** The response of a handler. Rejects if the handler throws, or if its result cannot be sent. */
export async function respond(handler: RouteHandler, request: Request): Promise<Response> {
  return toResponse(await resultOf(handler, request))
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

/** Writes the error to standard error and answers 500 without any of it. */
export function failed(request: Request, error: unknown): Response {
  report(request, error)
  return internalError()
}

/** Writes an error to standard error, unless it is the abort of a request without clients. */
export function report(request: Request, error: unknown): void {
  if (isAbort(request.signal, error)) return
  const what = `${request.method} ${new URL(request.url).pathname} failed:`
  try {
    console.error(what, error)
  } catch {
    // A thrown object may throw when it is inspected.
    console.error(what, "something that cannot be shown")
  }
}

/**
 * Whether an error is the reason with which a signal was aborted. The abort of a refresh that
 * exceeded its timeout is a failure.
 */
function isAbort({ aborted, reason }: AbortSignal, error: unknown): boolean {
  return (
    aborted &&
    error === reason &&
    (reason as { code?: unknown } | null)?.code !== "LAYERON_REFRESH_TIMEOUT"
  )
}
