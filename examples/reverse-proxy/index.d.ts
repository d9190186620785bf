import type { Server } from "node:http"
import type { CacheModule } from "@layeron/modules"

export interface ProxyOptions {
  /** Where requests go: an `http:` or `https:` origin, without a path. */
  upstream: string | URL
  /** The cache between clients and upstream. */
  cache: Pick<CacheModule, "wrap">
  /**
   * Milliseconds that a connection to the upstream may take, and then the head of its answer.
   * Default: 30,000.
   */
  timeoutMs?: number | undefined
  /**
   * Called with failures for which clients only get a 502, a 504 or a broken connection. Default:
   * none.
   */
  onError?: ((error: Error, what: string) => void) | undefined
}

/**
 * Creates the server, which does not listen yet. Closes its connections to the upstream when it is
 * closed.
 */
export declare function createProxy(options: ProxyOptions): Server
