import { headersOf, reasonPhraseOf } from "./headers.js"
import { PlatformResponse } from "./response.js"

type Body = ConstructorParameters<typeof Response>[0]

/**
 * A response of the platform with this head: the reason phrase and the field lines, a line feed
 * behind each.
 */
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
 * The platform makes no response with a status that is no HTTP status today, but there are origins
 * that do. A clone has it too.
 */
function withStatus(response: Response, status: number): Response {
  const clone = () => withStatus(PlatformResponse.prototype.clone.call(response), status)
  return Object.defineProperties(response, {
    status: { value: status },
    ok: { value: false },
    clone: { value: clone },
  })
}
