import type { ServerResponse } from "node:http"

/** What a cache hands over of a response that it has as a whole: header fields as names and values in turn, a string of one character for each byte. */
interface Whole {
  readonly status: number
  readonly fields: string[]
  readonly body: string | Uint8Array | null
}

/** By which a response takes itself as a whole, if it can and is still unread. See `@layeron/modules`. */
const takeWhole = Symbol.for("@layeron/modules.takeWhole")

const DEFAULT_TYPE = "text/plain; charset=UTF-8"

/** Writes a response that is there as a whole, without a stream in between. Tells whether it was one. */
export function writeWhole(response: Response, outgoing: ServerResponse): boolean {
  const whole = (response as { [takeWhole]?: () => Whole | undefined })[takeWhole]?.()
  if (whole === undefined) return false
  const { status, fields, body } = whole
  outgoing.writeHead(status, body === null ? fields : describing(fields, body))
  if (body === null) outgoing.end()
  else outgoing.end(body, "latin1")
  return true
}

/** The fields of a response with this body: with its length, and with a type, as the server's adapter has it. */
function describing(fields: string[], body: string | Uint8Array): string[] {
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
