import type { BackendModule, BackendOptions } from "../index.js"
import { isObject, own, type Unchecked } from "./check.js"
import { type Endpoint, readEndpoint } from "./endpoint.js"
import { invalidOption } from "./errors.js"
import { type GatewaySettings, readGatewaySettings } from "./gateway-options.js"

/** The validated options of `backend()`, with the parts of the endpoint. */
export interface Settings extends BackendOptions {
  readonly location: Endpoint
  /** `undefined` if the gateway has no effect. */
  readonly caching: GatewaySettings | undefined
}

const KNOWN = ["project", "name", "endpoint", "gateway"]
const warned = new Set<string>()

export function readOptions(given: unknown = {}): Settings {
  if (!isObject(given)) throw invalidOption("backend() options", "an object")
  warnAboutUnknown(given)
  const options = own(given, KNOWN)
  const { project, name, endpoint } = options
  const gateway = readGateway(options.gateway)
  return {
    project: readLabel("project", project),
    name: readLabel("name", name),
    endpoint: endpoint as string | undefined,
    location: readEndpoint(endpoint),
    gateway,
    caching: readGatewaySettings(gateway),
  }
}

export function readModule(value: unknown): BackendModule {
  const fields = ["kind", "name", "namespace", "identity"]
  if (isObject(value) && fields.every((field) => typeof value[field] === "string")) {
    return value as unknown as BackendModule
  }
  throw invalidOption(
    "app.use() module",
    `a module: an object with the strings ${fields.join(", ")}`,
  )
}

function readLabel(option: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && value !== "")) return value
  throw invalidOption(`backend().${option}`, "a non-empty string")
}

function readGateway(value: unknown): Unchecked | undefined {
  if (value === undefined || isObject(value)) return value
  throw invalidOption("backend().gateway", "an object")
}

function warnAboutUnknown(options: Unchecked): void {
  for (const name of Object.keys(options)) {
    if (KNOWN.includes(name) || warned.has(name)) continue
    warned.add(name)
    process.emitWarning(`backend() has no option named "${name}"; it is ignored`, {
      code: "LAYERON_UNKNOWN_OPTION",
    })
  }
}
