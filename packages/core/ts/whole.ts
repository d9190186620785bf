import type { ServerResponse } from "node:http"

/**
 * What a cache hands over of a response that it has as a whole: header fields as names and values
 * in turn, a string of one character for each byte.
 */
interface Whole {
  readonly status: number
  readonly fields: string[]
  readonly body: string | Chunks | null
}

/** A large body, each piece of which is copied when it is asked for. */
interface Chunks {
  readonly length: number
  next(): Uint8Array | undefined
  end(): void
}

/**
 * By which a response takes itself as a whole, if it can and is still unread. See
 * `@layeron/modules`.
 */
const takeWhole = Symbol.for("@layeron/modules.takeWhole")

/** Whether a response comes from the store of a cache. */
export function isStored(response: Response): boolean {
  return takeWhole in response
}

const DEFAULT_TYPE = "text/plain; charset=UTF-8"

/**
 * Writes a response that is there as a whole, without a stream in between. Tells whether it was
 * one.
 */
export function writeWhole(response: Response, outgoing: ServerResponse): boolean {
  const whole = (response as { [takeWhole]?: () => Whole | undefined })[takeWhole]?.()
  if (whole === undefined) return false
  const { status, fields, body } = whole
  outgoing.writeHead(status, body === null ? fields : describing(fields, body))
  if (body === null) outgoing.end()
  else if (typeof body === "string") outgoing.end(body, "latin1")
  else writeChunks(body, outgoing)
  return true
}

/**
 * Writes no faster than the client reads, so that one that is slow holds a piece or two and not the
 * whole.
 */
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

/**
 * The fields of a response with this body: with its length, and with a type, as the server's
 * adapter has it.
 */
function describing(fields: string[], body: string | Chunks): string[] {
  const described: string[] = []
  let isTyped = false
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at] as string
    if (name === "content-length") continue
    isTyped ||= name === "content-type"
    described.push(name, fields[at + 1] as string)
  }
  if (!isTyped) described.push("content-type", DEFAULT_TYPE)
  described.push("content-length", String(body.length))
  return described
}
