import type { Router } from "hono/router"
import { RegExpRouter } from "hono/router/reg-exp-router"
import { SmartRouter } from "hono/router/smart-router"
import { TrieRouter } from "hono/router/trie-router"

/** An empty router that matches as that of `new Hono()` does. */
export function createRouter<Target>(): Router<Target> {
  return new SmartRouter({ routers: [new RegExpRouter(), new TrieRouter()] })
}
