/**
 * The store of undici's caching interceptor. A body goes in as a stream and comes out as a list of
 * chunks.
 */
import { cacheStores } from "undici"

const FOREVER = Number.MAX_SAFE_INTEGER

export function open() {
  const store = new cacheStores.MemoryCacheStore({
    maxCount: FOREVER,
    maxSize: FOREVER,
    maxEntrySize: FOREVER,
  })
  return {
    match(request) {
      const found = store.get(keyOf(request))
      return found && revive(found)
    },
    notModified(request) {
      const found = store.get(keyOf(request))
      if (found === undefined) return undefined
      if (request.headers.get("if-none-match") !== found.etag) return revive(found)
      return new Response(null, { status: 304, headers: found.headers })
    },
    async put(request, response) {
      const now = Date.now()
      const body = new Uint8Array(await response.arrayBuffer())
      const writable = store.createWriteStream(keyOf(request), {
        statusCode: response.status,
        statusMessage: response.statusText,
        headers: Object.fromEntries(response.headers),
        etag: response.headers.get("etag"),
        cacheControlDirectives: { "max-age": 3_600 },
        cachedAt: now,
        staleAt: now + 3_600_000,
        deleteAt: now + 3_600_000,
      })
      await new Promise((resolve) => writable.end(body, resolve))
    },
    delete: (request) => store.delete(keyOf(request)),
  }
}

/** The interceptor has the URL in two parts already; here they are made at the least cost. */
function keyOf({ url, method }) {
  const slash = url.indexOf("/", 8)
  return { origin: url.slice(0, slash), path: url.slice(slash), method }
}

function revive({ statusCode, headers, body }) {
  return new Response(body.length === 1 ? body[0] : Buffer.concat(body), {
    status: statusCode,
    headers,
  })
}
