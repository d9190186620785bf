import { mergePath } from "hono/utils/url"
import type { RouteHandler, RouteOptions } from "../index.js"
import { isObject } from "./check.js"
import { invalidOption } from "./errors.js"
import { createRouter } from "./router.js"

/** The validated arguments of `app.get()` and its siblings. */
export interface Declaration {
  readonly path: string
  readonly options: RouteOptions
  readonly handler: RouteHandler
}

/**
 * Reads `(path, handler)` or `(path, options, handler)`. Error messages name the called method as
 * `call`.
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
 * Throws for a pattern that no router takes. Without this check it would fail with the first
 * request, and so would every other route.
 */
function assertPattern(call: string, path: string): void {
  try {
    const probe = createRouter<undefined>()
    probe.add("GET", mergePath("/", path), undefined)
    probe.match("GET", "/")
  } catch (cause) {
    throw invalidOption(`${call} path "${path}"`, "a valid Hono path pattern", cause)
  }
}
