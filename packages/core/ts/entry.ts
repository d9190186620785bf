import { existsSync } from "node:fs"
import { relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import { type LocalService, local } from "./local.js"

const DEFAULTS = ["app.ts", "app.js", "app.mjs", "src/app.ts", "src/app.js", "index.ts", "index.js"]

/** A failure that is shown by its message, without a stack. */
export class EntryError extends Error {}

/** Absolute path of the given entry, or of a default one. @throws EntryError if there is none. */
export function findEntry(given: string | undefined): string {
  const found = given ?? DEFAULTS.find((name) => existsSync(name))
  if (found === undefined) {
    throw new EntryError(
      `No entry given, and none of ${DEFAULTS.join(", ")} is in ${process.cwd()}`,
    )
  }
  const path = resolve(found)
  if (!existsSync(path)) throw new EntryError(`Entry not found: ${path}`)
  return path
}

/** A path relative to the working directory. */
export function shortName(path: string): string {
  return relative("", path)
}

/**
 * Imports the entry.
 *
 * @throws EntryError for a default export that cannot be served. Errors of the entry pass through.
 */
export async function loadEntry(path: string): Promise<LocalService> {
  const app = defaultExport(await import(pathToFileURL(path).href))
  if (app === undefined) {
    throw new EntryError(
      `${shortName(path)} has no default export. End it with: export default app`,
    )
  }
  if (!canFetch(app)) {
    throw new EntryError(
      `The default export of ${shortName(path)} cannot be served. It must be what backend() returns, or an object with a fetch function.`,
    )
  }
  return app[local] ?? { basePath: "", fetch: async (request) => app.fetch(request) }
}

interface Fetchable {
  readonly [local]?: LocalService
  fetch(request: Request): Response | Promise<Response>
}

function canFetch(value: unknown): value is Fetchable {
  return (
    typeof value === "object" &&
    value !== null &&
    "fetch" in value &&
    typeof value.fetch === "function"
  )
}

// A CommonJS entry that was compiled from ESM has its default export in `default.default`.
function defaultExport(namespace: { default?: unknown }): unknown {
  const value = namespace.default
  const isCompiled = typeof value === "object" && value !== null && "__esModule" in value
  return isCompiled ? (value as { default?: unknown }).default : value
}
