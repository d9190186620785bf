/** Where `layer dev` listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/**
 * Reads `HOST` (default `127.0.0.1`) and `PORT` (default 8787; 0 takes a free one).
 *
 * @throws RangeError for a `PORT` that is no port.
 */
export function readAddress(env: NodeJS.ProcessEnv): Address {
  const text = env.PORT || "8787"
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new RangeError(`PORT must be a whole number from 0 to 65535, not "${text}"`)
  }
  return { host: env.HOST || "127.0.0.1", port }
}

/** The URL of the address, for a browser on this machine. */
export function originOf({ host, port }: Address): string {
  const isThisMachine = ["127.0.0.1", "0.0.0.0", "::", "::1"].includes(host)
  const name = isThisMachine ? "localhost" : host.includes(":") ? `[${host}]` : host
  return `http://${name}:${port}`
}

/** A message for an error of `server.listen()`. */
export function explainListenError({ host, port }: Address, error: NodeJS.ErrnoException): string {
  if (error.code === "EADDRINUSE") {
    return `Port ${port} on ${host} is in use. Stop the process that listens there, or set PORT to another.`
  }
  return `Cannot listen on ${host}, port ${port}: ${error.message}`
}
