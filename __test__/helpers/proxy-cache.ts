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
  type Gate,
  type ScriptedOrigin,
  type Turn,
} from "./scripted-origin"
import { countEach } from "./wrap"

/** What most requests are for. */
export const AT = "/a"

/** An answer that goes step by step. */
export type Steps = (turn: Turn) => Promise<void>

export interface CacheStage {
  readonly proxy: TestProxy
  readonly origin: ScriptedOrigin
  readonly module: CacheModule
}

export interface StageOptions extends Omit<ProxyOptions, "cache"> {
  /** What the cache is declared with beside its name. */
  readonly declared?: Partial<CacheModuleOptions>
}

/** A caching proxy in front of a scripted origin, for the time of `use`. Nothing is stored yet. */
export async function withCache(
  use: (stage: CacheStage) => Promise<void>,
  { declared, ...options }: StageOptions = {},
): Promise<void> {
  const module = freshCache(declared)
  await withProxy((stage) => use({ ...stage, module }), { cache: module, ...options })
}

/**
 * The same so many seconds after the origin has answered a request for {@link AT} with `first`. It
 * has `next` to say after that.
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

/** An answer of the origin with the date at which it is given. */
export function dated({ fields, ...parts }: AnswerParts = {}): Steps {
  return async ({ request, write }) => {
    await request.body()
    await write(answer({ ...parts, fields: { Date: new Date().toUTCString(), ...fields } }))
  }
}

/** The same with this `Cache-Control`. */
export function lasting(control: string, { fields, ...parts }: AnswerParts = {}): Steps {
  return dated({ ...parts, fields: { "Cache-Control": control, ...fields } })
}

/** A 304 with the date at which it is given. */
export function unchanged(fields: AnswerParts["fields"] = {}): Steps {
  return dated({ status: 304, reason: "Not Modified", fields })
}

/** The answer once the gate is open. */
export function behind({ opened }: Gate, answer: Answer): Steps {
  return async (turn) => {
    await opened
    if (typeof answer === "function") await answer(turn)
    else await turn.write(answer)
  }
}

/** The `Cache-Status` of a response without the name of the cache. */
export function cacheStatusOf(response: Pick<RawResponse, "get">): string | undefined {
  return response.get("cache-status")?.replace(/^[^;]+; /, "")
}

/** Status, body and `Cache-Status` of a response, in one line. */
export function summaryOf(response: RawResponse): string {
  return `${response.status} ${response.text} (${cacheStatusOf(response)})`
}

/**
 * The lines of a head but for those of the connection to the client, names in lower case, in their
 * order.
 */
export function lines({ head }: RawResponse): string[] {
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

/** The conditions, and the range, of each request that the origin got for a target. */
export function conditions(origin: ScriptedOrigin, target = AT): Record<string, string>[] {
  return origin.requests(target).map((request) => {
    const given = CONDITIONS.map((name) => [name, request.get(name)] as const)
    return Object.fromEntries(
      given.filter((pair): pair is [string, string] => pair[1] !== undefined),
    )
  })
}

/** Number of requests for a target that the origin received. */
export function requestCount(origin: ScriptedOrigin, target = AT): number {
  return origin.requests(target).length
}

type Operation = "match" | "put" | "refresh"

/** The outcomes, with their reasons, of the next `count` operations of a module. */
export function outcomesOf(
  module: CacheModule,
  operation: Operation,
  count = 1,
): Promise<string[]> {
  const channel = `layeron:cache:${operation}`
  return new Promise((resolve) => {
    const outcomes: string[] = []
    const hear = (message: unknown) => {
      const { identity, outcome, reason } = message as CacheEvent
      if (identity !== module.identity) return
      outcomes.push(reason === undefined ? outcome : `${outcome} ${reason}`)
      if (outcomes.length < count) return
      unsubscribe(channel, hear)
      resolve(outcomes)
    }
    subscribe(channel, hear)
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

/** The responses that the clients get. */
export function responses(clients: readonly RawClient[]): Promise<RawResponse[]> {
  return Promise.all(clients.map((client) => client.response()))
}

/** Starts `count` clients that share one run: the first leads, the others wait for it. */
export async function waiting(
  { proxy, module }: CacheStage,
  count: number,
  request?: (client: number) => RawRequest,
  why = "uri-miss",
): Promise<RawClient[]> {
  const seen = outcomesOf(module, "match", count)
  const clients = await concurrently(proxy, count, request)
  expect(countEach(await seen)).toEqual({ [`miss ${why}`]: 1, "miss collapsed": count - 1 })
  return clients
}

/** How many clients get each response, by its summary. */
export async function countSummaries(
  clients: readonly RawClient[],
): Promise<Record<string, number>> {
  return countEach((await responses(clients)).map(summaryOf))
}

/** A request for {@link AT} unless it says otherwise, at so many seconds. */
export type Asked = Partial<RawRequest> & { readonly at?: number }

/** The last of the responses to these requests, made in turn at so many seconds. */
export async function lastOf(
  answers: readonly Answer[],
  requests: readonly Asked[],
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
