import type { Route } from "../index.js"
import { corsFields } from "./cors.js"
import type { GatewaySettings } from "./gateway-options.js"
import { heldBack } from "./hold.js"
import type { Warnings } from "./warnings.js"

/** Fields for one client, beside CORS fields and the request's id. */
const PERSONAL = [
  "authentication-info",
  "authorization",
  "proxy-authentication-info",
  "timing-allow-origin",
]

/** Keeps fields and responses for one client out of the caches. */
export class Screen {
  readonly #personal: readonly string[]
  readonly #hasCors: boolean
  readonly #warnings: Warnings

  constructor({ cors, responseRequestIdHeader }: GatewaySettings, warnings: Warnings) {
    this.#personal = [...PERSONAL, responseRequestIdHeader]
    this.#hasCors = cors !== undefined
    this.#warnings = warnings
  }

  /** The response to a request that reads, without fields for one client, or held back. */
  read(response: Response, route: Route): Response {
    if (isChallenge(response)) return heldBack(response)
    if (!this.#hasCors && corsFields(response.headers).length > 0) {
      this.#warnings.notCached(
        route,
        "it sets access-control-* itself; declare who may read it as backend().gateway.cors",
      )
      return heldBack(response)
    }
    const personal = this.#personalFields(response)
    return personal.length === 0 ? response : without(response, personal)
  }

  /** The response to a request that writes, held back if it has fields for one client. */
  write(response: Response): Response {
    const isForOne = isChallenge(response) || this.#personalFields(response).length > 0
    return isForOne ? heldBack(response) : response
  }

  #personalFields({ headers }: Response): string[] {
    return [...corsFields(headers), ...this.#personal.filter((name) => headers.has(name))]
  }
}

/** Whether a response asks for credentials: the same request with them has another answer. */
function isChallenge({ status, headers }: Response): boolean {
  return status === 401 || headers.has("www-authenticate")
}

function without(response: Response, names: readonly string[]): Response {
  const copy = new Response(response.body, response)
  for (const name of names) copy.headers.delete(name)
  return copy
}
