import type { Route } from "../index.js"

/** Warns about routes, once per route. */
export class Warnings {
  readonly #warned = new WeakSet<Route>()

  notCached(route: Route, because: string): void {
    if (this.#warned.has(route)) return
    this.#warned.add(route)
    process.emitWarning(`${route.method} ${route.path} is not cached, because ${because}`, {
      code: "LAYERON_NOT_CACHED",
    })
  }
}
