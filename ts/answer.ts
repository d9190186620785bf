/** An answer from the store, the caller's own. */
export interface Answer extends AnswerState {
  /** Reason phrase and field lines, a line feed behind each. */
  head(): string
  /** The body, decoded as UTF-8 with replacements and without a byte order mark. */
  text(): string
  /** The body in a buffer of its own. One that is not to be asked for again may be `last`. */
  bytes(last: boolean): Uint8Array<ArrayBuffer>
}

export interface AnswerState {
  readonly status: number
  readonly stale: boolean
  /** Whether the response has a body, and be it empty. */
  readonly hasBody: boolean
}

const BYTE_ORDER_MARK = "\ufeff"

/**
 * A small answer: head and body as one string of bytes. The JavaScript engine makes, moves and frees such a string several
 * times faster than a buffer, and where it is ASCII it is the text already.
 */
export class SmallAnswer implements Answer {
  readonly status: number
  readonly stale: boolean
  readonly hasBody: boolean
  readonly #bytes: string
  readonly #headLength: number
  readonly #ascii: boolean

  constructor({ status, stale, hasBody }: AnswerState, bytes: string, headLength: number, ascii: boolean) {
    this.status = status
    this.stale = stale
    this.hasBody = hasBody
    this.#bytes = bytes
    this.#headLength = headLength
    this.#ascii = ascii
  }

  head(): string {
    return Buffer.from(this.#bytes.slice(0, this.#headLength), "latin1").toString("utf8")
  }

  text(): string {
    return this.#ascii
      ? this.#bytes.slice(this.#headLength)
      : decode(Buffer.from(this.#bytes.slice(this.#headLength), "latin1"))
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const body = new Uint8Array(this.#bytes.length - this.#headLength)
    Buffer.from(body.buffer).write(this.#bytes.slice(this.#headLength), "latin1")
    return body
  }
}

/** A large answer: its body fills a buffer. */
export class LargeAnswer implements Answer {
  readonly status: number
  readonly stale: boolean
  readonly hasBody: boolean
  readonly #head: string
  readonly #body: Buffer

  constructor({ status, stale, hasBody }: AnswerState, head: string, body: Buffer) {
    this.status = status
    this.stale = stale
    this.hasBody = hasBody
    this.#head = head
    this.#body = body
  }

  head(): string {
    return this.#head
  }

  text(): string {
    return decode(this.#body)
  }

  bytes(last: boolean): Uint8Array<ArrayBuffer> {
    return last ? new Uint8Array(this.#body.buffer as ArrayBuffer) : new Uint8Array(this.#body)
  }
}

function decode(bytes: Buffer): string {
  const text = bytes.toString("utf8")
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}
