import { freshCache, url } from "./cache"
import { httpDate, setClock } from "./clock"
import { AT, answerWithControl, withStored } from "./proxy-cache"

type Fields = Readonly<Record<string, string | readonly string[]>>

/** A response to store for a minute. */
export interface StoredParts {
  readonly status?: number
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A response as a client receives it. */
export interface ReceivedResponse {
  readonly status: number
  readonly reason: string
  readonly text: string
  /** Field values by lower-case name, without hop-by-hop fields. */
  readonly fields: Readonly<Record<string, string>>
}

/** Requests the stored response by GET, with these header fields. */
export type SendGet = (fields?: Fields) => Promise<ReceivedResponse>

/** Stores a response and calls `use` `seconds` later; `cache` is the cache's identity. */
export type CacheInterface = (
  stored: StoredParts,
  seconds: number,
  use: (sendGet: SendGet, cache: string) => Promise<void>,
) => Promise<void>

const BODY = "0123456789"

const throughMatch: CacheInterface = async ({ status, fields, body = BODY }, seconds, use) => {
  const module = freshCache()
  const headers = { date: httpDate(0), "cache-control": "max-age=60", ...fields }
  await module.put(url(AT), new Response(body, { status, headers }))
  setClock(seconds)
  await use(async (requestFields = {}) => {
    const lines = Object.entries(requestFields).flatMap(([name, value]) =>
      [value].flat().map((line): [string, string] => [name, line]),
    )
    const response = await module.match(new Request(url(AT), { headers: new Headers(lines) }))
    if (response === undefined) throw new Error("match has found no entry")
    return {
      status: response.status,
      reason: response.statusText,
      text: await response.text(),
      fields: Object.fromEntries(response.headers),
    }
  }, module.identity)
}

/** Header fields of the connection and of the proxy. */
const OF_CONNECTION = ["connection", "keep-alive", "transfer-encoding", "via"]

const throughProxy: CacheInterface = async ({ fields, body = BODY, ...parts }, seconds, use) => {
  const answer = answerWithControl("max-age=60", { body, ...parts, fields: { ...fields } })
  await withStored(answer, seconds, [], ({ proxy, module }) =>
    use(async (requestFields = {}) => {
      const sent = requestFields as Record<string, string | string[]>
      const response = await proxy.get(AT, sent)
      const head = await proxy.send({ method: "HEAD", target: AT, fields: sent })
      const isPartial = [206, 416].includes(response.status)
      if (!isPartial && head.status !== response.status) throw new Error(`HEAD: ${head.status}`)
      const seen = response.head.fields.map(([name, value]) => [name.toLowerCase(), value] as const)
      return {
        status: response.status,
        reason: response.head.start.replace(/^HTTP\/1\.1 \d+ /, ""),
        text: response.text,
        fields: Object.fromEntries(seen.filter(([name]) => !OF_CONNECTION.includes(name))),
      }
    }, module.identity),
  )
}

/** Interfaces that return a stored response. The cache must decide the same in each. */
export const INTERFACES: [name: string, cacheInterface: CacheInterface][] = [
  ["by match()", throughMatch],
  ["over HTTP", throughProxy],
]
