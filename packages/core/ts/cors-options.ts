import { flag, isFieldName, isObject, list, own } from "./check.js"
import { invalidOption } from "./errors.js"

/** The validated options of CORS. */
export interface CorsSettings {
  /** As browsers send them, or `*`. */
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  /** In lower case. */
  readonly requestHeaders: readonly string[]
  readonly responseHeaders: readonly string[]
  readonly credentials: boolean
  readonly maxAgeSeconds: number | undefined
}

const OPTIONS = [
  "origins",
  "methods",
  "requestHeaders",
  "responseHeaders",
  "credentials",
  "maxAgeSeconds",
]
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
/** Methods that need no preflight as such. */
const SAFELISTED_METHODS = ["GET", "HEAD", "POST"]
const INT32_MAX = 2_147_483_647

/** Reads the options of CORS. Messages name them `name`. */
export function readCors(name: string, value: unknown): CorsSettings | undefined {
  if (value === undefined) return undefined
  if (!isObject(value)) throw invalidOption(name, "an object")
  const options = own(value, OPTIONS)
  const { methods, requestHeaders, responseHeaders, maxAgeSeconds } = options
  const credentials = flag(`${name}.credentials`, options.credentials)
  return {
    origins: readOrigins(`${name}.origins`, options.origins, credentials),
    methods:
      list(`${name}.methods`, methods, METHODS.join(", "), (method) => METHODS.includes(method)) ??
      SAFELISTED_METHODS,
    requestHeaders: readFieldNames(`${name}.requestHeaders`, requestHeaders).map(lowerCase),
    responseHeaders: readFieldNames(`${name}.responseHeaders`, responseHeaders),
    credentials,
    maxAgeSeconds: readSeconds(`${name}.maxAgeSeconds`, maxAgeSeconds),
  }
}

function readOrigins(name: string, value: unknown, credentials: boolean): readonly string[] {
  const allowed = 'origins such as "https://www.example.com", without a path, or "*"'
  const origins = list(name, value, allowed, isOrigin)
  if (origins === undefined) throw invalidOption(name, `an array of ${allowed}`)
  // Browsers refuse "*" with credentials. Echoing each origin instead would let every site act as
  // the user.
  if (credentials && origins.includes("*")) {
    throw invalidOption(name, 'without "*" where credentials is true')
  }
  return origins
}

/** Whether a text is an origin exactly as browsers send it. */
function isOrigin(value: string): boolean {
  if (value === "*" || value === "null") return true
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@\\*]+$/.test(value)) return false
  return !/^https?:/.test(value) || (URL.canParse(value) && new URL(value).origin === value)
}

function readFieldNames(name: string, value: unknown): readonly string[] {
  return list(name, value, "names of header fields", isFieldName) ?? []
}

function lowerCase(value: string): string {
  return value.toLowerCase()
}

function readSeconds(name: string, value: unknown): number | undefined {
  const isAllowed =
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= INT32_MAX
  if (value === undefined || isAllowed) return value as number | undefined
  throw invalidOption(name, `an integer from 0 to ${INT32_MAX}`)
}
