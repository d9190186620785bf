import { Hono } from "hono"
import type { RouteHandler, RouteOptions } from "../index.js"
import { isObject } from "./check.js"
import { invalidOption } from "./errors.js"

/** Arguments of `app.get()` and its siblings after their check. */
export interface Declaration {
  readonly path: string
  readonly options: RouteOptions
  readonly handler: RouteHandler
}

/**
 * Reads `(path, handler)` or `(path, options, handler)`; `call` is the name of the caller in
 * messages.
 */
export function readDeclaration(
  call: string,
  path: unknown,
  rest: readonly unknown[],
): Declaration {
  const [options, handler] = rest.length > 1 ? rest : [undefined, rest[0]]
  if (typeof path !== "string" || !path.startsWith("/")) {
    throw invalidOption(`${call} path`, 'a string that begins with "/"')
  }
  assertPattern(call, path)
  if (options !== undefined && !isObject(options))
    throw invalidOption(`${call} options`, "an object")
  if (typeof handler !== "function") throw invalidOption(`${call} handler`, "a function")
  return { path, options: options ?? {}, handler: handler as RouteHandler }
}

/**
 * A broken pattern would otherwise come to light with the first request, and take every other route
 * with it.
 */
function assertPattern(call: string, path: string): void {
  try {
    const probe = new Hono().get(path, (context) => context.body(null))
    probe.router.match("GET", "/")
  } catch (cause) {
    throw invalidOption(`${call} path "${path}"`, "a valid Hono path pattern", cause)
  }
}
