import type { NativeClient } from "../client.js"

/**
 * Invalidates what the `Location` and the `Content-Location` of a response name, because its
 * request has changed something there (RFC 9111, section 4.4). Other origins are none of its
 * business.
 */
export function invalidateRelated(
  client: NativeClient,
  request: Request,
  response: Response,
): void {
  const target = new URL(request.url)
  for (const name of ["location", "content-location"]) {
    const value = response.headers.get(name)
    const related = value === null ? undefined : resolved(value, target)
    if (related?.origin !== target.origin) continue
    const invalidate = (text: string) => client.binding.invalidate(text, Date.now())
    client.call(related.href, client.fields([]), name, invalidate)
  }
}

function resolved(reference: string, base: URL): URL | undefined {
  try {
    return new URL(reference, base)
  } catch {
    return undefined
  }
}
