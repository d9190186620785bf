import type { NativeClient } from "../client.js"

/**
 * Invalidates the URLs in `Location` and `Content-Location` of a response to an unsafe request (RFC
 * 9111, section 4.4), if they have the same origin.
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
