import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { CacheEvent, CacheModule, CacheModuleOptions } from "@layeron/modules"
import { freshCache } from "./cache"
import { setClock } from "./clock"
import { type ProxyOptions, type TestProxy, withProxy } from "./proxy"
import type { RawClient, RawRequest, RawResponse } from "./raw-client"
import {
  type Answer,
  type AnswerParts,
  answer,
  type Exchange,
  type Gate,
  type ScriptedOrigin,
} from "./scripted-origin"
import { countEach } from "./wrap"

/** Target of most requests. */
export const AT = "/a"

/** An origin's answer as a function that writes it in steps. */
export type ScriptedAnswer = (exchange: Exchange) => Promise<void>

export interface CacheStage {
  readonly proxy: TestProxy
  readonly origin: ScriptedOrigin
  readonly module: CacheModule
}

export interface StageOptions extends Omit<ProxyOptions, "cache"> {
  /** Options of the cache's declaration besides its name. */
  readonly cacheOptions?: Partial<CacheModuleOptions>
}

/** Runs `use` with a caching proxy in front of a scripted origin. The cache is empty. */
export async function withCache(
  use: (stage: CacheStage) => Promise<void>,
  { cacheOptions, ...options }: StageOptions = {},
): Promise<void> {
  const module = freshCache(cacheOptions)
  await withProxy((stage) => use({ ...stage, module }), { cache: module, ...options })
}

/**
 * Runs `use` like {@link withCache}, `seconds` after the origin has answered a request for
 * {@link AT} with `first`. `next` are the origin's further answers.
 */
export async function withStored(
  first: Answer,
  seconds: number,
  next: readonly Answer[],
  use: (stage: CacheStage) => Promise<void>,
  options?: StageOptions,
): Promise<void> {
  await withCache(async (stage) => {
    stage.origin.script(AT, [first, ...next])
    await stage.proxy.get(AT)
    setClock(seconds)
    await use(stage)
  }, options)
}

/** Returns an answer whose `Date` is the time of the answer. */
export function datedAnswer({ fields, ...parts }: AnswerParts = {}): ScriptedAnswer {
  return async ({ request, write }) => {
    await request.body()
    await write(answer({ ...parts, fields: { Date: new Date().toUTCString(), ...fields } }))
  }
}

/** Returns a dated answer with this `Cache-Control`. */
export function answerWithControl(
  control: string,
  { fields, ...parts }: AnswerParts = {},
): ScriptedAnswer {
  return datedAnswer({ ...parts, fields: { "Cache-Control": control, ...fields } })
}

/** Returns a dated 304. */
export function notModified(fields: AnswerParts["fields"] = {}): ScriptedAnswer {
  return datedAnswer({ status: 304, reason: "Not Modified", fields })
}

/** Returns an answer that waits until the gate opens. */
export function afterGate({ opened }: Pick<Gate, "opened">, answer: Answer): ScriptedAnswer {
  return async (exchange) => {
    await opened
    if (typeof answer === "function") await answer(exchange)
    else await exchange.write(answer)
  }
}

/** Returns the `Cache-Status` of a response without the name of the cache. */
export function cacheStatusOf(response: Pick<RawResponse, "get">): string | undefined {
  return response.get("cache-status")?.replace(/^[^;]+; /, "")
}

/** Returns status, body and `Cache-Status` of a response in one line. */
export function summaryOf(response: RawResponse): string {
  return `${response.status} ${response.text} (${cacheStatusOf(response)})`
}

/** Returns a response's header lines, sorted, names in lower case, without hop-by-hop fields. */
export function headerLines({ head }: RawResponse): string[] {
  const ofConnection = ["connection", "keep-alive", "transfer-encoding"]
  return head.fields
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !ofConnection.includes(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
}

const CONDITIONS = [
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
  "if-range",
  "range",
]

/** Returns the conditions and the range among the fields that `get` returns. */
export function conditionsAmong(
  get: (name: string) => string | null | undefined,
): Record<string, string> {
  const given = CONDITIONS.map((name) => [name, get(name) ?? undefined] as const)
  return Object.fromEntries(given.filter((pair): pair is [string, string] => pair[1] !== undefined))
}

/** Returns the conditions and the range of each request that the origin received for a target. */
export function receivedConditions(origin: ScriptedOrigin, target = AT): Record<string, string>[] {
  return origin.requests(target).map((request) => conditionsAmong((name) => request.get(name)))
}

/** Returns the number of requests for a target that the origin received. */
export function requestCount(origin: ScriptedOrigin, target = AT): number {
  return origin.requests(target).length
}

type Operation = "match" | "put" | "refresh"

/** Resolves to the outcomes, with reasons, of the next `count` operations of a module. */
export function outcomesOf(
  module: CacheModule,
  operation: Operation,
  count = 1,
): Promise<string[]> {
  const channel = `layeron:cache:${operation}`
  return new Promise((resolve) => {
    const outcomes: string[] = []
    const record = (message: unknown) => {
      const { identity, outcome, reason } = message as CacheEvent
      if (identity !== module.identity) return
      outcomes.push(reason === undefined ? outcome : `${outcome} ${reason}`)
      if (outcomes.length < count) return
      unsubscribe(channel, record)
      resolve(outcomes)
    }
    subscribe(channel, record)
  })
}

/** Opens `count` connections and sends a request on each. */
export async function concurrently(
  proxy: TestProxy,
  count: number,
  request: (client: number) => RawRequest = () => ({ target: AT }),
): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => proxy.connect()))
  clients.forEach((client, number) => void client.send(request(number)))
  return clients
}

/** Reads one response per client. */
export function responses(clients: readonly RawClient[]): Promise<RawResponse[]> {
  return Promise.all(clients.map((client) => client.response()))
}

/** Starts `count` clients that share one in-flight request: a leader and its waiters. */
export async function collapsedClients(
  { proxy, module }: CacheStage,
  count: number,
  request?: (client: number) => RawRequest,
  fwdReason = "uri-miss",
): Promise<RawClient[]> {
  const seen = outcomesOf(module, "match", count)
  const clients = await concurrently(proxy, count, request)
  expect(countEach(await seen)).toEqual({ [`miss ${fwdReason}`]: 1, "miss collapsed": count - 1 })
  return clients
}

/** Counts the clients' responses by summary. */
export async function countSummaries(
  clients: readonly RawClient[],
): Promise<Record<string, number>> {
  return countEach((await responses(clients)).map(summaryOf))
}

/** A request for {@link AT} by default, sent `at` seconds after the start. */
export type TimedRequest = Partial<RawRequest> & { readonly at?: number }

/** Sends the requests in turn; returns the last response and the cache's identity. */
export async function lastResponse(
  answers: readonly Answer[],
  requests: readonly TimedRequest[],
): Promise<[RawResponse, identity: string]> {
  let response: RawResponse | undefined
  let identity = ""
  await withCache(async ({ proxy, origin, module }) => {
    origin.script(AT, answers)
    for (const { at = 0, ...request } of requests) {
      setClock(at)
      response = await proxy.send({ target: AT, ...request })
    }
    identity = module.identity
  })
  return [response as RawResponse, identity]
}
