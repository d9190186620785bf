import { freshCache, url } from "./cache"
import { httpDate, setClock } from "./clock"
import { AT, lasting, withStored } from "./proxy-cache"

type Fields = Readonly<Record<string, string | readonly string[]>>

/** A response to store for a minute. */
export interface StoredParts {
  readonly status?: number
  readonly fields?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A response as a client sees it. */
export interface Seen {
  readonly status: number
  readonly reason: string
  readonly text: string
  /** Field values by lower-case name, without those of the connection. */
  readonly fields: Readonly<Record<string, string>>
}

/** Requests the stored response by GET, with these fields. */
export type Ask = (fields?: Fields) => Promise<Seen>

/** Stores a response, and calls `use` that many seconds later; `cache` is the cache's identity. */
export type Way = (
  stored: StoredParts,
  seconds: number,
  use: (ask: Ask, cache: string) => Promise<void>,
) => Promise<void>

const BODY = "0123456789"

const byMatch: Way = async ({ status, fields, body = BODY }, seconds, use) => {
  const module = freshCache()
  const headers = { date: httpDate(0), "cache-control": "max-age=60", ...fields }
  await module.put(url(AT), new Response(body, { status, headers }))
  setClock(seconds)
  await use(async (asked = {}) => {
    const lines = Object.entries(asked).flatMap(([name, value]) =>
      [value].flat().map((line): [string, string] => [name, line]),
    )
    const response = await module.match(new Request(url(AT), { headers: new Headers(lines) }))
    if (response === undefined) throw new Error("match has found nothing")
    return {
      status: response.status,
      reason: response.statusText,
      text: await response.text(),
      fields: Object.fromEntries(response.headers),
    }
  }, module.identity)
}

/** Fields of the connection and of the proxy. */
const OF_CONNECTION = ["connection", "keep-alive", "transfer-encoding", "via"]

const overHttp: Way = async ({ fields, body = BODY, ...parts }, seconds, use) => {
  const answer = lasting("max-age=60", { body, ...parts, fields: { ...fields } })
  await withStored(answer, seconds, [], ({ proxy, module }) =>
    use(async (asked = {}) => {
      const sent = asked as Record<string, string | string[]>
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

/** The ways to request a stored response. What is decided about it is the same for all of them. */
export const WAYS: [name: string, way: Way][] = [
  ["by match()", byMatch],
  ["over HTTP", overHttp],
]
