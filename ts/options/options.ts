import type { CacheBypassOptions, ObservabilityConfig, ResolvedCacheRule } from "../../index.js"
import {
  type BindingOptions,
  type BindingRule,
  type BindingTerms,
  patternError,
} from "../native/addon.js"
import * as check from "./check.js"
import {
  bindingRequestOptions,
  type Cookies,
  REQUEST_OPTIONS,
  type RequestDirectives,
  readRequestOptions,
} from "./request-options.js"
import { readStorage, type Storage } from "./storage.js"

/** A checked declaration. */
export interface Declaration {
  readonly name: string
  readonly namespace: string
  readonly terms: Terms
  readonly rules: readonly ResolvedCacheRule[]
  readonly observability: ObservabilityConfig | undefined
  readonly storage: Storage
}

export interface Terms {
  readonly ttlSeconds: number | undefined
  readonly staleWhileRevalidateSeconds: number | undefined
  readonly vary: readonly string[]
  readonly tags: readonly string[]
  readonly cookies: Cookies
  readonly requestDirectives: RequestDirectives
}

/**
 * Bound on the characters and classes of all expressions in a declaration, counted as often as they
 * are repeated.
 */
const PATTERN_BUDGET = 20_000

const POLICY = ["ttlSeconds", "staleWhileRevalidateSeconds", "vary", "tags", ...REQUEST_OPTIONS]
const DECLARATION = ["name", "namespace", ...POLICY, "rules", "observability", "storage"]
const RULE = ["name", "path", "methods", ...POLICY, "bypass"]

export function readDeclaration(given: unknown): Declaration {
  const path = "cache()"
  const fields = check.options(path, check.object(path, given), DECLARATION)
  const name = check.identifier(`${path}.name`, fields.name)
  const namespace = readNamespace(`${path}.namespace`, fields.namespace)
  const terms = readTerms(path, fields, {
    ttlSeconds: undefined,
    staleWhileRevalidateSeconds: undefined,
    vary: [],
    tags: [],
    cookies: "pass",
    requestDirectives: "honour",
  })
  const rules = check.optionalList(`${path}.rules`, fields.rules, (_, rule) => rule) ?? []
  const budget = { left: PATTERN_BUDGET }
  return {
    name,
    namespace,
    terms,
    rules: Object.freeze(
      rules.map((rule, index) =>
        readRule(`${path}.rules[${index}]`, rule, `rule-${index + 1}`, terms, budget),
      ),
    ),
    observability: readObservability(`${path}.observability`, fields.observability),
    storage: readStorage(`${path}.storage`, fields.storage),
  }
}

function readNamespace(path: string, value: unknown): string {
  if (value === undefined) return "default"
  const namespace = check.identifier(path, value)
  if (namespace === "layeron")
    throw check.wrong(path, "another namespace than the reserved layeron", value)
  return namespace
}

function readTerms(path: string, fields: check.Fields, inherited: Terms): Terms {
  const vary = check.optionalList(`${path}.vary`, fields.vary, check.headerName)
  const tags = check.optionalList(`${path}.tags`, fields.tags, check.tag)
  const request = readRequestOptions(path, fields)
  return {
    ttlSeconds: check.seconds(`${path}.ttlSeconds`, fields.ttlSeconds) ?? inherited.ttlSeconds,
    staleWhileRevalidateSeconds:
      check.seconds(`${path}.staleWhileRevalidateSeconds`, fields.staleWhileRevalidateSeconds) ??
      inherited.staleWhileRevalidateSeconds,
    vary: Object.freeze(vary ?? inherited.vary),
    tags: Object.freeze([...new Set([...inherited.tags, ...(tags ?? [])])]),
    cookies: request.cookies ?? inherited.cookies,
    requestDirectives: request.requestDirectives ?? inherited.requestDirectives,
  }
}

function readRule(
  path: string,
  given: unknown,
  defaultName: string,
  inherited: Terms,
  budget: { left: number },
): ResolvedCacheRule {
  const fields = check.options(path, check.object(path, given), RULE)
  const methods = check.optionalList(`${path}.methods`, fields.methods, check.method) ?? [
    "GET",
    "HEAD",
  ]
  if (methods.length === 0)
    throw check.wrong(`${path}.methods`, "a list of at least one method", fields.methods)
  return Object.freeze({
    name: fields.name === undefined ? defaultName : check.text(`${path}.name`, fields.name, 128),
    path: readPattern(`${path}.path`, fields.path, budget),
    methods: Object.freeze(methods),
    ...readTerms(path, fields, inherited),
    bypass: readBypass(`${path}.bypass`, fields.bypass),
  })
}

function readPattern(path: string, value: unknown, budget: { left: number }): string | undefined {
  if (value === undefined) return undefined
  const pattern = check.text(path, value, 2048)
  if (!pattern.startsWith("/") && pattern !== "*")
    throw check.wrong(path, "a path pattern that begins with '/'", value)
  // A lone surrogate changes on its way into the addon.
  const checked = /\p{Surrogate}/u.test(pattern)
    ? "it has a lone surrogate"
    : patternError(pattern, budget.left)
  if (typeof checked === "string")
    throw check.wrong(
      path,
      `a path pattern that all of Hono's routers match alike (${checked})`,
      value,
    )
  budget.left = checked
  return pattern
}

function readBypass(path: string, value: unknown): Readonly<Required<CacheBypassOptions>> {
  const fields = check.options(path, value, ["headers", "cookies", "query"])
  return Object.freeze({
    headers: Object.freeze(
      check.optionalList(`${path}.headers`, fields.headers, check.headerName) ?? [],
    ),
    cookies: Object.freeze(check.optionalList(`${path}.cookies`, fields.cookies, check.name) ?? []),
    query: Object.freeze(check.optionalList(`${path}.query`, fields.query, check.name) ?? []),
  })
}

function readObservability(path: string, value: unknown): ObservabilityConfig | undefined {
  if (value === undefined) return undefined
  const fields = check.options(path, value, ["sampling", "redaction", "sink"])
  const sampling = check.options(`${path}.sampling`, fields.sampling, ["success", "error"])
  const redaction = check.options(`${path}.redaction`, fields.redaction, ["fields"])
  return {
    sampling: {
      success: check.share(`${path}.sampling.success`, sampling.success),
      error: check.share(`${path}.sampling.error`, sampling.error),
    },
    redaction: {
      fields: check.optionalList(`${path}.redaction.fields`, redaction.fields, check.name) ?? [],
    },
    sink: readSink(`${path}.sink`, fields.sink),
  }
}

function readSink(path: string, value: unknown): ObservabilityConfig["sink"] {
  const isStream = typeof (value as { write?: unknown } | null | undefined)?.write === "function"
  if (
    value === undefined ||
    value === "stdout" ||
    value === "stderr" ||
    typeof value === "function" ||
    isStream
  ) {
    return value as ObservabilityConfig["sink"]
  }
  throw check.wrong(
    path,
    '"stdout", "stderr", a function or an object with a write function',
    value,
  )
}

/** Names of the request fields that the declaration's policy may need. */
export function neededFields({ terms, rules }: Declaration): string[] {
  const ofRules = rules.flatMap(({ vary, bypass }) => [
    ...vary,
    ...bypass.headers,
    ...(bypass.cookies.length > 0 ? ["cookie"] : []),
  ])
  return [...terms.vary, ...ofRules]
}

/** The declaration for the addon. */
export function bindingOptions({
  namespace,
  name,
  terms,
  rules,
  storage,
}: Declaration): BindingOptions {
  return {
    namespace,
    name,
    ...storage,
    terms: bindingTerms(terms),
    rules: rules.map(bindingRule),
  }
}

function bindingTerms(terms: Terms): BindingTerms {
  const { ttlSeconds, staleWhileRevalidateSeconds, vary, tags } = terms
  const { ignoresCookies = false, ignoresDirectives = false } = bindingRequestOptions(terms)
  return {
    ttlSeconds,
    staleWhileRevalidateSeconds,
    vary: [...vary],
    tags: [...tags],
    ignoresCookies,
    ignoresDirectives,
  }
}

function bindingRule(rule: ResolvedCacheRule): BindingRule {
  const { headers, cookies, query } = rule.bypass
  return {
    path: rule.path,
    methods: [...rule.methods],
    terms: bindingTerms(rule),
    bypassHeaders: [...headers],
    bypassCookies: [...cookies],
    bypassQuery: [...query],
  }
}
