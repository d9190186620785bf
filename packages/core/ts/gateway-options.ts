import { flag, isFieldName, own, type Unchecked } from "./check.js"
import { type CorsSettings, readCors } from "./cors-options.js"
import { invalidOption } from "./errors.js"

/** The validated settings of the gateway that have an effect. */
export interface GatewaySettings {
  readonly cors: CorsSettings | undefined
  /** The policy of routes without an `auth` option. */
  readonly defaultAuth: string
  readonly responseRequestIdHeader: string
}

const OPTIONS = ["cache", "cors", "defaultAuth", "responseRequestIdHeader"]
const POLICIES = ["public", "user", "service", "admin"]

/** Reads the settings of the gateway. Without `cache: true` reads no others: `undefined`. */
export function readGatewaySettings(gateway: Unchecked | undefined): GatewaySettings | undefined {
  if (gateway === undefined) return undefined
  const options = own(gateway, OPTIONS)
  if (!flag("backend().gateway.cache", options.cache)) return undefined
  const { cors, defaultAuth = "public", responseRequestIdHeader = "x-layeron-request-id" } = options
  if (!POLICIES.includes(defaultAuth as string)) {
    throw invalidOption("backend().gateway.defaultAuth", `one of ${POLICIES.join(", ")}`)
  }
  if (typeof responseRequestIdHeader !== "string" || !isFieldName(responseRequestIdHeader)) {
    throw invalidOption("backend().gateway.responseRequestIdHeader", "the name of a header field")
  }
  return {
    cors: readCors("backend().gateway.cors", cors),
    defaultAuth: defaultAuth as string,
    responseRequestIdHeader,
  }
}
