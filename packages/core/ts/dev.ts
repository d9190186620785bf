import { once } from "node:events"
import { type AddressInfo, createServer } from "node:net"
import { join } from "node:path"
import { type Address, explainListenError, readAddress } from "./address.js"
import { ALLOWED_HOSTS, assertName, readAllowedHosts } from "./allowed-hosts.js"
import { findEntry } from "./entry.js"

/**
 * `layer dev`: turns this process into `tsx watch`, which runs serve.js with the entry and runs it
 * again whenever one of the loaded files changes.
 */
export async function dev(
  given: string | undefined,
  allowedHosts: readonly string[],
): Promise<void> {
  const entry = findEntry(given)
  allow(allowedHosts)
  const port = await freePort(readAddress(process.env))
  // The port stays the same across restarts, also when it was taken at random.
  process.env.PORT = String(port)
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => stop(signal))
  process.argv.splice(
    2,
    Number.POSITIVE_INFINITY,
    "watch",
    "--clear-screen=false",
    join(__dirname, "serve.js"),
    entry,
  )
  await import("tsx/cli" as string)
}

/**
 * Adds host names to those that the environment allows, by which the server learns of them. @throws
 * RangeError
 */
function allow(hosts: readonly string[]): void {
  for (const name of hosts) assertName("--allowed-host", name)
  process.env[ALLOWED_HOSTS] = [process.env[ALLOWED_HOSTS] ?? "", ...hosts].join(",")
  readAllowedHosts(process.env)
}

/**
 * The port to use. @throws Error when nobody can listen there: better said now than by every
 * restart.
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

// The watcher stops its child by itself and then exits with the signal's number; being asked to
// stop is no failure.
function stop(signal: string): void {
  process.on("exit", () => {
    process.exitCode = 0
  })
  const hasWatcher = process.listenerCount(signal) > 1
  if (!hasWatcher) process.exit()
}
