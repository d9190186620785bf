import { headersOf, reasonPhraseOf } from "./headers.js"
import { PlatformResponse } from "./response.js"

type Body = ConstructorParameters<typeof Response>[0]

/** A platform response with this head: reason phrase and field lines, each ended by a line feed. */
export function responseOf(status: number, head: string, body: Body): Response {
  const statusText = reasonPhraseOf(head)
  const headers = headersOf(head)
  const isUsual = status >= 200 && status <= 599
  const response = new PlatformResponse(body, {
    status: isUsual ? status : 200,
    statusText,
    headers,
  })
  return isUsual ? response : withStatus(response, status)
}

/**
 * A response with a status that the platform does not accept, but some origins send. A clone keeps
 * it.
 */
function withStatus(response: Response, status: number): Response {
  const clone = () => withStatus(PlatformResponse.prototype.clone.call(response), status)
  return Object.defineProperties(response, {
    status: { value: status },
    ok: { value: false },
    clone: { value: clone },
  })
}
