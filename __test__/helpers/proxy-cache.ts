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
import { tally } from "./wrap"

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

/** How the answer came about: its `Cache-Status` behind the name of the cache. */
export function how(response: Pick<RawResponse, "get">): string | undefined {
  return response.get("cache-status")?.replace(/^[^;]+; /, "")
}

/** Status, body and how it came about, in one line. */
export function told(response: RawResponse): string {
  return `${response.status} ${response.text} (${how(response)})`
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

/** How many requests for a target the origin got. */
export function asked(origin: ScriptedOrigin, target = AT): number {
  return origin.requests(target).length
}

type Heard = "match" | "put" | "refresh"

/** What comes of so many operations of a module from now on, with the reason where there is one. */
export function heard(module: CacheModule, operation: Heard, count = 1): Promise<string[]> {
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

/** So many clients, each with a connection of its own, that have sent the same request. */
export async function crowd(
  proxy: TestProxy,
  count: number,
  request: (client: number) => RawRequest = () => ({ target: AT }),
): Promise<RawClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => proxy.connect()))
  clients.forEach((client, number) => void client.send(request(number)))
  return clients
}

/** What each of them gets. */
export function responses(clients: readonly RawClient[]): Promise<RawResponse[]> {
  return Promise.all(clients.map((client) => client.response()))
}

/** So many clients that have asked, all of whom wait for what the first of them is to get. */
export async function waiting(
  { proxy, module }: CacheStage,
  count: number,
  request?: (client: number) => RawRequest,
  why = "uri-miss",
): Promise<RawClient[]> {
  const seen = heard(module, "match", count)
  const clients = await crowd(proxy, count, request)
  expect(tally(await seen)).toEqual({ [`miss ${why}`]: 1, "miss collapsed": count - 1 })
  return clients
}

/** What each of them gets, in one line, and how often. */
export async function tolds(clients: readonly RawClient[]): Promise<Record<string, number>> {
  return tally((await responses(clients)).map(told))
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
