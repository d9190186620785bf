/**
 * How `layer dev` serves an app: under its base path, for every host that is allowed there, also
 * where the app is for another.
 */
export interface LocalService {
  readonly basePath: string
  readonly fetch: (request: Request) => Promise<Response>
}

// From the global registry, because the app may come from another copy of this package than the
// command.
export const local = Symbol.for("@layeron/core.local")
