/**
 * How `layer dev` serves an app: under its base path, but for every host that `layer dev` allows.
 */
export interface LocalService {
  readonly basePath: string
  readonly fetch: (request: Request) => Promise<Response>
}

// From the global registry, since the app may have another copy of this package than the command.
export const local = Symbol.for("@layeron/core.local")
