/**
 * The store of undici's caching interceptor on SQLite. It writes and reads in the calling thread,
 * and has no tags.
 */
import { join } from "node:path"
import { cacheStores } from "undici"

const DAY_MS = 86_400_000

export function open({ folder }) {
  const store = new cacheStores.SqliteCacheStore({ location: join(folder, "cache.db") })
  return {
    match(url) {
      const found = store.get(keyOf(url))
      return found && new Response(found.body, { status: found.statusCode, headers: found.headers })
    },
    async put(url, response) {
      const now = Date.now()
      store.set(keyOf(url), {
        statusCode: response.status,
        statusMessage: response.statusText,
        headers: Object.fromEntries(response.headers),
        etag: response.headers.get("etag"),
        cacheControlDirectives: { "max-age": 86_400 },
        cachedAt: now,
        staleAt: now + DAY_MS,
        deleteAt: now + DAY_MS,
        body: Buffer.from(await response.arrayBuffer()),
      })
    },
    /** A put resolves when it is in the database. */
    flush: async () => {},
    async removeSpare(urls) {
      for (const url of urls) store.delete(keyOf(url))
    },
    close: () => store.close(),
  }
}

/** The interceptor has the URL in two parts already; here they are made at the least cost. */
function keyOf(url) {
  const slash = url.indexOf("/", 8)
  return { origin: url.slice(0, slash), path: url.slice(slash), method: "GET", headers: {} }
}
