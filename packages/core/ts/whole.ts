import type { ServerResponse } from "node:http"

/**
 * A buffered response of a cache. `fields` has names and values in turn, a string body has one
 * character for each byte.
 */
interface BufferedResponse {
  readonly status: number
  readonly fields: string[]
  readonly body: string | Chunks | null
}

/** A large body. `next` copies the next chunk. */
interface Chunks {
  readonly length: number
  next(): Uint8Array | undefined
  end(): void
}

/** The method by which an unread stored response of `@layeron/modules` returns its buffer. */
const takeWhole = Symbol.for("@layeron/modules.takeWhole")

/** Whether a response comes from the store of a cache. */
export function isStored(response: Response): boolean {
  return takeWhole in response
}

const DEFAULT_TYPE = "text/plain; charset=UTF-8"

/** Writes a buffered response without a stream. Returns false if the response is none. */
export function writeWhole(response: Response, outgoing: ServerResponse): boolean {
  const whole = (response as { [takeWhole]?: () => BufferedResponse | undefined })[takeWhole]?.()
  if (whole === undefined) return false
  const { status, fields, body } = whole
  outgoing.writeHead(status, body === null ? fields : withBodyFields(fields, body))
  if (body === null) outgoing.end()
  else if (typeof body === "string") outgoing.end(body, "latin1")
  else writeChunks(body, outgoing)
  return true
}

/** Writes no faster than the client reads, so that a slow client holds only a few chunks. */
function writeChunks(chunks: Chunks, outgoing: ServerResponse): void {
  const write = () => {
    for (let chunk = chunks.next(); chunk !== undefined; chunk = chunks.next()) {
      if (!outgoing.write(chunk)) return
    }
    outgoing.end()
  }
  if (outgoing.destroyed) chunks.end()
  outgoing.once("close", () => chunks.end())
  outgoing.on("drain", write)
  write()
}

/** The fields with the body's length and, as in the server's adapter, a default type. */
function withBodyFields(fields: string[], body: string | Chunks): string[] {
  const result: string[] = []
  let isTyped = false
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    if (name === "content-length") continue
    isTyped ||= name === "content-type"
    result.push(name, fields[at + 1] as string)
  }
  if (!isTyped) result.push("content-type", DEFAULT_TYPE)
  result.push("content-length", String(body.length))
  return result
}
