import type { CacheModule } from "@layeron/modules"
import { freshCache, url } from "./cache"
import {
  AT,
  afterGate,
  cacheStatusOf,
  conditionsAmong,
  datedAnswer,
  receivedConditions,
  withCache,
} from "./proxy-cache"
import type { AnswerParts } from "./scripted-origin"
import { wrappedIn } from "./wrap"

export type HeaderFields = NonNullable<AnswerParts["fields"]>

/** A response of the origin, dated when it is sent. */
export interface OriginAnswer extends Omit<AnswerParts, "reason"> {
  /** The origin sends the response when this is fulfilled. Default: at once. */
  readonly after?: Promise<void>
}

/** A response as the cache's user receives it. */
export interface ReceivedAnswer {
  readonly status: number
  readonly text: string
  /** Returns a field's value, its lines joined. */
  get(name: string): string | undefined
  /** Status, body and `Cache-Status` in one line. `Cache-Status` is empty on a miss of `match`. */
  readonly summary: string
}

/** An empty cache in front of an origin that sends given answers in turn. */
export interface AnsweredCache {
  readonly module: CacheModule
  /** Whether responses to misses have a `Cache-Status`. */
  readonly describesMisses: boolean
  /** Requests {@link AT} from the cache, which gets the next answer if it needs one. */
  send(fields?: HeaderFields, method?: "GET" | "HEAD"): Promise<ReceivedAnswer>
  /** The requests that the origin has received. */
  forwarded(): ForwardedRequest[]
  /** Returns the conditions and the range of each request that the origin has received. */
  conditions(): Record<string, string>[]
}

export interface ForwardedRequest {
  readonly method: string
  /** Returns a field's value, its lines joined. */
  get(name: string): string | undefined
}

export type CacheWithAnswers = (
  answers: readonly OriginAnswer[],
  use: (cache: AnsweredCache) => Promise<void>,
) => Promise<void>

function headersOf(fields: HeaderFields): Headers {
  const lines = Object.entries(fields).flatMap(([name, values]) =>
    [values ?? []].flat().map((value): [string, string] => [name, value]),
  )
  return new Headers(lines)
}

/** Creates a function that returns the next answer as a `Response`. */
function responder(answers: readonly OriginAnswer[]): () => Promise<Response> {
  const next = answers.values()
  return async () => {
    const { done, value } = next.next()
    if (done) throw new Error("no further answer was given")
    await value.after
    const { status = 200, fields = {}, body = "" } = value
    const headers = headersOf({ Date: new Date().toUTCString(), ...fields })
    // A `Response` declares text/plain for a string, which the scripted origin does not.
    const bytes = [204, 304].includes(status) ? null : new TextEncoder().encode(body)
    return new Response(bytes, { status, headers })
  }
}

async function receivedFrom(response: Response): Promise<ReceivedAnswer> {
  const get = (name: string) => response.headers.get(name) ?? undefined
  const text = await response.text()
  const summary = `${response.status} ${text} (${cacheStatusOf({ get }) ?? ""})`
  return { status: response.status, text, get, summary }
}

function requestOf(fields: HeaderFields, method: string): Request {
  return new Request(url(AT), { method, headers: headersOf(fields) })
}

/** Returns what `AnsweredCache` tells of requests that the origin received as `Request` objects. */
function recordOf(received: readonly Request[]): Pick<AnsweredCache, "forwarded" | "conditions"> {
  return {
    forwarded: () =>
      received.map(({ method, headers }) => ({
        method,
        get: (name) => headers.get(name) ?? undefined,
      })),
    conditions: () => received.map(({ headers }) => conditionsAmong((name) => headers.get(name))),
  }
}

/** Looks up by `match`; on a miss, puts the next answer and returns it. */
const throughPut: CacheWithAnswers = async (answers, use) => {
  const module = freshCache()
  const respond = responder(answers)
  const received: Request[] = []
  await use({
    module,
    describesMisses: false,
    ...recordOf(received),
    async send(fields = {}, method = "GET") {
      const request = requestOf(fields, method)
      const hit = await module.match(request)
      if (hit !== undefined) return receivedFrom(hit)
      received.push(request)
      const response = await respond()
      await module.put(request, response.clone())
      return receivedFrom(response)
    },
  })
}

/** Calls a wrapped handler that returns the answers. */
const throughWrap: CacheWithAnswers = async (answers, use) => {
  const module = freshCache()
  const { send, received } = wrappedIn(module, responder(answers))
  await use({
    module,
    describesMisses: true,
    ...recordOf(received),
    send: async (fields = {}, method = "GET") =>
      receivedFrom(await send(requestOf(fields, method))),
  })
}

/** Requests a caching proxy in front of an origin server that sends the answers. */
const throughProxy: CacheWithAnswers = (answers, use) =>
  withCache(async ({ proxy, origin, module }) => {
    const script = answers.map(({ after = Promise.resolve(), ...parts }) =>
      afterGate({ opened: after }, datedAnswer(parts)),
    )
    origin.script(AT, script)
    await use({
      module,
      describesMisses: true,
      forwarded: () => origin.requests(AT),
      conditions: () => receivedConditions(origin),
      async send(fields = {}, method = "GET") {
        const sent = fields as Record<string, string | string[]>
        const response = await proxy.send({ method, target: AT, fields: sent })
        const { status, text } = response
        const summary = `${status} ${text} (${cacheStatusOf(response) ?? ""})`
        return { status, text, get: (name) => response.get(name), summary }
      },
    })
  })

/** Interfaces that request what is not stored. The cache must decide the same in each. */
export const FORWARDING_INTERFACES: [name: string, withAnswers: CacheWithAnswers][] = [
  ["of wrap()", throughWrap],
  ["over HTTP", throughProxy],
]

/** Interfaces that store responses. The cache must decide the same in each. */
export const STORING_INTERFACES: [name: string, withAnswers: CacheWithAnswers][] = [
  ["by put()", throughPut],
  ...FORWARDING_INTERFACES,
]
