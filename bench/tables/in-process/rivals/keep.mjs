/** The parts of a response that applications keep in a Map, and the response made from them. */

/** Status and headers, and a body in some form. */
export function keep(response, body) {
  return { status: response.status, headers: Object.fromEntries(response.headers), body }
}

export async function keepBytes(response) {
  return keep(response, Buffer.from(await response.arrayBuffer()))
}

export function revive({ status, headers, body }) {
  return new Response(body, { status, headers })
}

/** A 304 for a request with a matching `If-None-Match`, otherwise the whole response. */
export function revalidate(kept, request) {
  if (request.headers.get("if-none-match") !== kept.headers.etag) return revive(kept)
  return new Response(null, { status: 304, headers: kept.headers })
}
