/**
 * Targets, on Node 20. Every row that names a target has to reach it.
 */

const atMost = (bound, what) => ({ kind: "at most", bound, what })
const atLeast = (bound, what) => ({ kind: "at least", bound, what })

export const TARGETS = {
  response: atMost(0.3, "match to Response, 2 KB, against lru-cache and `new Response`"),
  text: atMost(0.2, "match to `text()`"),
  header: atMost(0.4, 'match to Response and `headers.get("content-type")`'),
  "not-modified": atMost(
    2,
    "304 from a stored entry, against `new Response(null, { status: 304, headers })` with four headers",
  ),
  stream: atMost(1.1, "match to Response and `body` as a stream"),
  miss: atMost(0.2, "miss, against a hit in lru-cache and `new Response`"),
  put: atMost(1.2, "put of a 2 KB response, against lru-cache after `arrayBuffer()`"),
  large: atMost(
    1,
    "match to `arrayBuffer()` at 64 KB and 1 MB, against lru-cache and `new Response`",
  ),
  stall: atMost(0.05, "longest stall of the event loop at 1,000,000 entries, against lru-cache's"),
  rss: atMost(0.6, "RSS there, against lru-cache's"),
  overhead: atMost(300, "bytes per entry beyond key, headers and body"),
  purge: atMost(1.5, "purge of 10,000 of 1,000,000 by tag, against 10,000 of 20,000"),
  threads: atLeast(1.6, "reads per second of two threads, against one"),
  http: atLeast(0.9, "hits per second over HTTP, against the constant handler"),
  "disk-hit": atMost(1.1, "hit in memory with a disk under it, against one without"),
  start: atMost(
    1_000,
    "milliseconds until the first hit of a process, 1,000,000 entries on the disk",
  ),
  lru: atLeast(0, "hit ratio, points above lru-cache's"),
  "s3-fifo": atLeast(-1, "hit ratio, points above S3-FIFO's own"),
}

/** Whether a figure reaches a target. */
export function reaches(figure, name) {
  const { kind, bound } = TARGETS[name]
  return kind === "at most" ? figure <= bound : figure >= bound
}

/** The figure that is farthest from a target. */
export function worstOf(figures, name) {
  return figures.reduce((worst, next) => (isWorse(next.figure, worst.figure, name) ? next : worst))
}

function isWorse(figure, other, name) {
  return TARGETS[name].kind === "at most" ? figure > other : figure < other
}
