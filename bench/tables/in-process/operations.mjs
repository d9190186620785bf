/** The timed operations of one side. */

/** Bound on requests and responses made before a round, which are garbage of the round. */
const MOST_PREPARED = 3_000
const MOST_PREPARED_BYTES = 2 ** 26

export const OPERATIONS = {
  match: reading((cache) => cache.match),
  header: reading(
    ({ match }) =>
      async (request) =>
        (await match(request)).headers.get("content-type"),
  ),
  text: reading(
    ({ match }) =>
      async (request) =>
        (await match(request)).text(),
  ),
  json: reading(
    ({ match }) =>
      async (request) =>
        (await match(request)).json(),
  ),
  buffer: reading(
    ({ match }) =>
      async (request) =>
        (await match(request)).arrayBuffer(),
  ),
  stream: reading(
    ({ match }) =>
      async (request) =>
        lengthOf((await match(request)).body),
  ),
  "not-modified": (side) => ({
    prepare: (count) => side.conditional(count),
    call: side.cache.notModified,
  }),
  miss: (side) => ({
    prepare: (count) => side.misses(count),
    call: side.cache.match,
    most: MOST_PREPARED,
  }),
  put: (side, { bytes }) => ({
    prepare: (count) => side.puts(count),
    call: ({ request, response }) => side.cache.put(request, response),
    async clean(items) {
      for (const { request } of items) await side.cache.delete(request)
    },
    most: Math.min(MOST_PREPARED, MOST_PREPARED_BYTES / bytes),
  }),
  delete: (side) => ({
    prepare: (count) => side.deletes(count),
    call: side.cache.delete,
    most: MOST_PREPARED,
  }),
}

function reading(callOf) {
  return (side) => ({ prepare: (count) => side.hits(count), call: callOf(side.cache) })
}

async function lengthOf(stream) {
  const reader = stream.getReader()
  for (let length = 0; ; ) {
    const { done, value } = await reader.read()
    if (done) return length
    length += value.byteLength
  }
}
