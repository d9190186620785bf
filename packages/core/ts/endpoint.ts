import { invalidOption } from "./errors.js"

/** The host and base path of an endpoint. */
export interface Endpoint {
  /** Path in front of every route: `""`, or begins with `/` and ends without. */
  readonly basePath: string
  /** Host and, where it is not the default, port; `undefined` serves every host. */
  readonly host: string | undefined
}

export function readEndpoint(value: unknown): Endpoint {
  if (value === undefined) return { basePath: "", host: undefined }
  const url =
    typeof value === "string" &&
    /^https?:\/\//i.test(value) &&
    URL.canParse(value) &&
    new URL(value)
  if (!url || !isPlain(url)) {
    throw invalidOption(
      "backend().endpoint",
      "an absolute http: or https: URL without credentials, query, fragment, and ':' or '*' in its path",
    )
  }
  return { basePath: url.pathname.replace(/\/+$/, ""), host: url.host }
}

// A base path becomes a part of route patterns, in which ':' and '*' have a meaning.
function isPlain(url: URL): boolean {
  const extras = url.username + url.password + url.search + url.hash
  return extras === "" && !/[:*]/.test(url.pathname)
}
