import { isIP } from "node:net"

/** The environment variable with additional allowed host names. */
export const ALLOWED_HOSTS = "LAYERON_ALLOWED_HOSTS"

const NAME = /^\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i

/**
 * The hosts for which `layer dev` answers. Without this check, a page of any site could point its
 * own name at the address of the server and read the answers (DNS rebinding). IP addresses are
 * always allowed, since they cannot be rebound.
 */
export class AllowedHosts {
  readonly #names = new Set<string>(["localhost"])
  readonly #suffixes: string[] = [".localhost"]

  /**
   * @param names host names. A name that begins with a dot allows its subdomains too.
   */
  constructor(names: Iterable<string>) {
    for (const name of names) {
      const lower = name.toLowerCase()
      this.#names.add(lower.replace(/^\./, ""))
      if (lower.startsWith(".")) this.#suffixes.push(lower)
    }
  }

  /**
   * Whether requests for this authority, spelled as in URLs, are allowed, on any port.
   */
  allow(authority: string): boolean {
    const name = new URL(`http://${authority}`).hostname.replace(/\.$/, "")
    if (isIP(name.replace(/^\[|\]$/g, "")) !== 0 || this.#names.has(name)) return true
    return this.#suffixes.some((suffix) => name.endsWith(suffix))
  }
}

/**
 * Reads the host names allowed by the environment: those of `LAYERON_ALLOWED_HOSTS`, separated by
 * commas, and `HOST`.
 *
 * @throws RangeError for a text that cannot be a host name.
 */
export function readAllowedHosts(env: NodeJS.ProcessEnv): AllowedHosts {
  const listed = (env[ALLOWED_HOSTS] ?? "").split(",").map((name) => name.trim())
  const names = listed.filter((name) => name !== "")
  for (const name of names) assertName(ALLOWED_HOSTS, name)
  return new AllowedHosts(env.HOST ? [...names, env.HOST] : names)
}

/** @throws RangeError if `name`, given as `source`, cannot be a host name. */
export function assertName(source: string, name: string): void {
  if (NAME.test(name)) return
  throw new RangeError(
    `${source} must have host names without a port, such as "shop.test", or ".shop.test" for its subdomains as well, not "${name}"`,
  )
}
