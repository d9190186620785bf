import { once } from "node:events"
import type { Server } from "node:http"
import type { AddressInfo } from "node:net"
import type { CacheModule } from "@layeron/modules"
import { createProxy } from "../../examples/reverse-proxy"
import { freshCache } from "./cache"
import { RawClient, type RawRequest, type RawResponse } from "./raw-client"
import { ScriptedOrigin } from "./scripted-origin"

const DEADLINE_MS = 20_000

/** A cache that stores nothing: every request reaches the origin. */
export const uncached: Pick<CacheModule, "wrap"> = {
  wrap:
    (handler) =>
    async (...args) =>
      handler(...args),
}

export interface ProxyOptions {
  /** Default: a new instance with default options. */
  readonly cache?: Pick<CacheModule, "wrap">
  readonly timeoutMs?: number
  /** Default: the scripted origin. */
  readonly upstream?: string
}

/** A proxy that runs in the process of the test. */
export class TestProxy {
  /** Errors that the proxy has reported, as `GET /: message`. */
  readonly reports: string[]
  readonly #server: Server
  readonly #clients: RawClient[] = []

  constructor(server: Server, reports: string[]) {
    this.#server = server
    this.reports = reports
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Opens a connection to the proxy, which is closed with it. */
  async connect(): Promise<RawClient> {
    const client = await RawClient.connect(this.port)
    this.#clients.push(client)
    return client
  }

  /** Sends a request on a new connection and reads the response. */
  async send(request: RawRequest): Promise<RawResponse> {
    const client = await this.connect()
    const response = await client.send(request).response(request.method)
    client.close()
    return response
  }

  get(target: string, fields: RawRequest["fields"] = {}): Promise<RawResponse> {
    return this.send({ target, fields })
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
    const closed = once(this.#server.close(), "close")
    this.#server.closeAllConnections()
    await closed
  }
}

/**
 * Runs `use` with a proxy in front of a scripted origin, and closes both. @throws Error if a
 * request without a scripted answer reached the origin.
 */
export async function withProxy(
  use: (stage: { proxy: TestProxy; origin: ScriptedOrigin }) => Promise<void>,
  { cache = freshCache(), timeoutMs, upstream }: ProxyOptions = {},
): Promise<void> {
  const origin = await ScriptedOrigin.listen()
  const reports: string[] = []
  const onError = (error: Error, what: string) => reports.push(`${what}: ${error.message}`)
  const server = createProxy({ upstream: upstream ?? origin.url, cache, timeoutMs, onError })
  await once(server.listen(0, "127.0.0.1"), "listening")
  const proxy = new TestProxy(server, reports)
  try {
    await withDeadline(use({ proxy, origin }))
    origin.verify()
  } finally {
    await proxy.close()
    await origin.close()
  }
}

/** Rejects after {@link DEADLINE_MS}, so that a stuck test still closes its servers. */
async function withDeadline(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const expiry = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done within ${DEADLINE_MS} ms`)), DEADLINE_MS)
  })
  await Promise.race([work, expiry]).finally(() => clearTimeout(timer))
}

/** Returns the URL of an upstream that refuses connections. */
export async function refusingUpstream(): Promise<string> {
  const origin = await ScriptedOrigin.listen()
  const { url } = origin
  await origin.close()
  return url
}
