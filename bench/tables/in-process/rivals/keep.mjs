/** What people keep of a response in a Map, and what they make of it. */

/** Status and headers, beside a body in whatever form. */
export function keep(response, body) {
  return { status: response.status, headers: Object.fromEntries(response.headers), body }
}

export async function keepBytes(response) {
  return keep(response, Buffer.from(await response.arrayBuffer()))
}

export function revive({ status, headers, body }) {
  return new Response(body, { status, headers })
}

/** The 304 that a request with `If-None-Match` is to get, else the whole response. */
export function revalidate(kept, request) {
  if (request.headers.get("if-none-match") !== kept.headers.etag) return revive(kept)
  return new Response(null, { status: 304, headers: kept.headers })
}
