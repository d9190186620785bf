import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { type Address, explainListenError, readAddress } from "./address.js"
import { ALLOWED_HOSTS, assertName, readAllowedHosts } from "./allowed-hosts.js"
import { findEntry } from "./entry.js"
import { watch } from "./watch.js"

/** `layer dev`: serves the entry, and starts it again whenever one of the loaded files changes. */
export async function dev(
  given: string | undefined,
  allowedHosts: readonly string[],
): Promise<void> {
  const entry = findEntry(given)
  allow(allowedHosts)
  const port = await freePort(readAddress(process.env))
  // The port stays the same across restarts, even if the system chose it.
  process.env.PORT = String(port)
  await watch(entry)
}

/**
 * Adds host names to those that the environment allows, from which the server reads them.
 *
 * @throws RangeError for a text that is no host name.
 */
function allow(hosts: readonly string[]): void {
  for (const name of hosts) assertName("--allowed-host", name)
  process.env[ALLOWED_HOSTS] = [process.env[ALLOWED_HOSTS] ?? "", ...hosts].join(",")
  readAllowedHosts(process.env)
}

/**
 * The port to listen on: the given one, or a free one for 0.
 *
 * @throws Error if the server could not listen there. Otherwise every restart would report it.
 */
async function freePort(address: Address): Promise<number> {
  const probe = createServer().listen(address.port, address.host)
  try {
    await once(probe, "listening")
  } catch (error) {
    throw new Error(explainListenError(address, error as NodeJS.ErrnoException))
  }
  const { port } = probe.address() as AddressInfo
  await once(probe.close(), "close")
  return port
}
