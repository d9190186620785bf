import type { CacheExplanation, ResolvedCacheRule } from "../../index.js"
import type { BindingExplainedEntry, BindingExplanation } from "../native/addon.js"

interface Parts {
  readonly identity: string
  readonly namespace: string
  readonly rules: readonly ResolvedCacheRule[]
}

/** The explanation for callers: times in seconds, and a sentence. */
export function explanationOf(found: BindingExplanation, parts: Parts): CacheExplanation {
  const { key, entry, bypassKind, bypassName } = found
  const rule = found.rule === undefined ? undefined : parts.rules[found.rule]
  const bypass = bypassKind === undefined ? undefined : { by: bypassKind, name: bypassName ?? "" }
  const facts = {
    key,
    url: found.url,
    method: found.method,
    namespace: parts.namespace,
    vary: Object.fromEntries(found.vary.map(({ name, value }) => [name, value ?? null])),
    rule: rule === undefined ? null : { name: rule.name, because: because(rule, found.method) },
    bypass: (bypass ?? null) as CacheExplanation["bypass"],
    entry: entry === undefined ? null : entryOf(entry),
  }
  const outcome =
    facts.bypass !== null
      ? "bypass"
      : facts.entry === null
        ? "miss"
        : facts.entry.stale
          ? "stale"
          : "hit"
  return {
    ...facts,
    outcome,
    sentence: sentence(outcome, { ...facts, admitted: found.admitted }, parts.identity),
  }
}

function because(rule: ResolvedCacheRule, method: string): string {
  const path = rule.path === undefined ? "it covers every path" : `the path matches ${rule.path}`
  return `${path} and it lists ${method}`
}

function entryOf({
  stale,
  age,
  lifetime,
  staleWindow,
  tags,
  bytes,
}: BindingExplainedEntry): NonNullable<CacheExplanation["entry"]> {
  return {
    stale,
    ageSeconds: age / 1000,
    lifetimeSeconds: lifetime / 1000,
    staleWindowLeftSeconds: (staleWindow - Math.max(0, age - lifetime)) / 1000,
    tags,
    bytes,
  }
}

type Facts = Pick<CacheExplanation, "method" | "url" | "rule" | "bypass" | "entry"> & {
  admitted: boolean
}

function sentence(outcome: CacheExplanation["outcome"], facts: Facts, identity: string): string {
  const { method, url, rule, bypass, entry } = facts
  const subject = `${method} ${url}`
  const under = rule === null ? "" : ` under rule ${rule.name}`
  if (bypass?.by === "path") {
    return `${subject} skips ${identity} because Hono's routers do not agree whether ${bypass.name} matches its path.`
  }
  if (outcome === "bypass") {
    return `${subject} skips ${identity}${under} because it carries the ${bypass?.by} ${bypass?.name}.`
  }
  if (!facts.admitted)
    return `${subject} is a miss in ${identity}: responses to ${method} are stored only where a rule lists it.`
  if (entry === null)
    return `${subject} is a miss in ${identity}${under}: no entry has its key and answers its headers.`
  const { ageSeconds, lifetimeSeconds, staleWindowLeftSeconds } = entry
  if (outcome === "stale") {
    return `${subject} is stale in ${identity}${under}: it is ${ageSeconds} s old, was fresh for ${lifetimeSeconds} s and is served for ${staleWindowLeftSeconds} s more while one caller refreshes it.`
  }
  return `${subject} is a hit in ${identity}${under}: it is ${ageSeconds} s old and fresh for ${Math.round((lifetimeSeconds - ageSeconds) * 1000) / 1000} s more.`
}
