import { isIP } from "node:net"

/** The environment variable with host names that are allowed beside the usual ones. */
export const ALLOWED_HOSTS = "LAYERON_ALLOWED_HOSTS"

const NAME = /^\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/i

/**
 * The hosts that `layer dev` answers for. A page of any site can point its own name at the address
 * of the server and read what it answers (DNS rebinding); so names that are not known to be the
 * developer's are refused. IP addresses cannot be rebound.
 */
export class AllowedHosts {
  readonly #names = new Set<string>(["localhost"])
  readonly #suffixes: string[] = [".localhost"]

  /**
   * @param names host names; one that begins with a dot stands for its subdomains, and for the name
   * without the dot
   */
  constructor(names: Iterable<string>) {
    for (const name of names) {
      const lower = name.toLowerCase()
      this.#names.add(lower.replace(/^\./, ""))
      if (lower.startsWith(".")) this.#suffixes.push(lower)
    }
  }

  /**
   * Whether requests for this authority, spelled as in URLs, are answered. The port does not
   * matter.
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
 * @throws RangeError
 */
export function readAllowedHosts(env: NodeJS.ProcessEnv): AllowedHosts {
  const listed = (env[ALLOWED_HOSTS] ?? "").split(",").map((name) => name.trim())
  const names = listed.filter((name) => name !== "")
  for (const name of names) assertName(ALLOWED_HOSTS, name)
  return new AllowedHosts(env.HOST ? [...names, env.HOST] : names)
}

/** @throws RangeError where `name`, given as `source`, cannot be a host name. */
export function assertName(source: string, name: string): void {
  if (NAME.test(name)) return
  throw new RangeError(
    `${source} must have host names without a port, such as "shop.test", or ".shop.test" for its subdomains as well, not "${name}"`,
  )
}
