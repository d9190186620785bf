import type { BindingAnswer } from "../../native.js"
import { Chunks, copied } from "./chunks.js"

/**
 * An answer from the store for one response. Its body is read once: by `text`, `bytes` or `raw`.
 */
export interface Answer {
  readonly status: number
  readonly stale: boolean
  /** Bytes of the body; `undefined` without a body, not even an empty one. */
  readonly bodyBytes: number | undefined
  /** Reason phrase and field lines, each ended by a line feed. */
  head(): string
  /** The body, decoded as UTF-8 with replacement characters and without a byte order mark. */
  text(): string
  /** The body in a buffer of its own. */
  bytes(): Uint8Array<ArrayBuffer>
  /** The body to pass on: a string of one character per byte, or pieces if it is large. */
  raw(): string | Chunks
  /** The answer for another response. */
  another(): Answer
}

const NOT_ASCII = /[\x80-\xff]/
const BYTE_ORDER_MARK = "\ufeff"

/**
 * A small answer: head and body as one string of bytes. The engine creates, moves and frees such a
 * string several times faster than a buffer, and an ASCII body is its own text.
 */
export class SmallAnswer implements Answer {
  constructor(
    readonly status: number,
    readonly stale: boolean,
    readonly bodyBytes: number | undefined,
    private readonly all: string,
    private readonly headLength: number,
    private readonly ascii: boolean,
  ) {}

  head(): string {
    const bytes = this.all.slice(0, this.headLength)
    return NOT_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes
  }

  text(): string {
    return this.ascii ? this.raw() : withoutMark(Buffer.from(this.raw(), "latin1").toString("utf8"))
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = Buffer.allocUnsafeSlow(this.all.length - this.headLength)
    bytes.write(this.raw(), "latin1")
    return new Uint8Array(bytes.buffer as ArrayBuffer)
  }

  raw(): string {
    return this.all.slice(this.headLength)
  }

  another(): Answer {
    return this
  }
}

/**
 * A large answer: a handle to the stored response. Only the head is copied until the body is read.
 * The handle is released then, or when it is collected.
 */
export class LargeAnswer implements Answer {
  constructor(
    readonly status: number,
    readonly stale: boolean,
    readonly bodyBytes: number | undefined,
    private readonly handle: BindingAnswer,
  ) {}

  head(): string {
    return this.handle.head()
  }

  text(): string {
    const text = withoutMark(this.handle.text())
    this.handle.release()
    return text
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = copied(this.handle, 0, this.bodyBytes ?? 0)
    this.handle.release()
    return bytes
  }

  raw(): Chunks {
    return new Chunks(this.handle, this.bodyBytes ?? 0)
  }

  another(): Answer {
    return new LargeAnswer(this.status, this.stale, this.bodyBytes, this.handle.another())
  }
}

function withoutMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}
