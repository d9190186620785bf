/** An answer from the store, the caller's own. */
export interface Answer {
  readonly status: number
  readonly stale: boolean
  /** Whether the response has a body, and be it empty. */
  readonly hasBody: boolean
  /** Reason phrase and field lines, a line feed behind each. */
  head(): string
  /** The body, decoded as UTF-8 with replacements and without a byte order mark. */
  text(): string
  /** The body for whoever only reads it: a string is of one character for each byte. */
  raw(): string | Uint8Array
  /** The body in a buffer of its own. One that is not to be asked for again may be `last`. */
  bytes(last: boolean): Uint8Array<ArrayBuffer>
}

const BYTE_ORDER_MARK = "\ufeff"

/**
 * A small answer: head and body as one string of bytes. The JavaScript engine makes, moves and frees such a string several
 * times faster than a buffer, and where it is ASCII it is the text already.
 */
export class SmallAnswer implements Answer {
  constructor(
    readonly status: number,
    readonly stale: boolean,
    readonly hasBody: boolean,
    private readonly all: string,
    private readonly headLength: number,
    private readonly ascii: boolean,
  ) {}

  head(): string {
    return Buffer.from(this.all.slice(0, this.headLength), "latin1").toString("utf8")
  }

  text(): string {
    return this.ascii ? this.raw() : decode(Buffer.from(this.raw(), "latin1"))
  }

  raw(): string {
    return this.all.slice(this.headLength)
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const bytes = Buffer.allocUnsafeSlow(this.all.length - this.headLength)
    bytes.write(this.raw(), "latin1")
    return new Uint8Array(bytes.buffer as ArrayBuffer)
  }
}

/** A large answer: its body fills a buffer. */
export class LargeAnswer implements Answer {
  constructor(
    readonly status: number,
    readonly stale: boolean,
    readonly hasBody: boolean,
    private readonly headText: string,
    private readonly body: Buffer,
  ) {}

  head(): string {
    return this.headText
  }

  text(): string {
    return decode(this.body)
  }

  raw(): Uint8Array {
    return this.body
  }

  bytes(last: boolean): Uint8Array<ArrayBuffer> {
    return last ? new Uint8Array(this.body.buffer as ArrayBuffer) : new Uint8Array(this.body)
  }
}

function decode(bytes: Buffer): string {
  const text = bytes.toString("utf8")
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}
