import type { Answer } from "./native.js"

/**
 * The platform's own class. A server adapter may have put another in its place, whose instances keep state of their own; the
 * class that it extends is the one to extend here.
 */
function platformResponse(): typeof Response {
  let found = globalThis.Response
  for (;;) {
    const parent = Object.getPrototypeOf(found)
    if (typeof parent?.prototype !== "object" || parent.prototype === null) return found
    found = parent
  }
}

const PlatformResponse = platformResponse()
// Its members are declared as properties, which accessors cannot override.
const Base = PlatformResponse as unknown as new (body: null) => object
const BYTE_ORDER_MARK = "\ufeff"

/**
 * A stored response. Making a `Response` with headers and body costs ten times the lookup, so each part is made when it is first
 * asked for; whatever needs a stream is handed on to a `Response` of the platform made then.
 */
export class StoredResponse extends Base implements Response {
  declare readonly type: Response["type"]
  declare readonly url: string
  declare readonly redirected: boolean
  readonly #answer: Answer
  #headers: Headers | undefined
  /** Whether the body's bytes belong to a clone as well. */
  #shared = false
  #used = false
  #platform: Response | undefined

  constructor(answer: Answer) {
    super(null)
    this.#answer = answer
  }

  get status(): number {
    return this.#answer.status
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  get statusText(): string {
    const { head } = this.#answer
    return head.toString("utf8", 0, head.indexOf("\n"))
  }

  get headers(): Headers {
    this.#headers ??= readHeaders(this.#answer)
    return this.#headers
  }

  get body(): Response["body"] {
    return this.#answer.body === null ? null : this.#materialised().body
  }

  get bodyUsed(): boolean {
    return this.#platform?.bodyUsed ?? this.#used
  }

  async text(): Promise<string> {
    if (this.#platform !== undefined) return this.#platform.text()
    const { body, bodyStart } = this.#take()
    return body === null ? "" : decode(body, bodyStart)
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#platform !== undefined) return this.#platform.arrayBuffer()
    return this.#takeOwn().buffer
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#platform !== undefined) return new Uint8Array(await this.#platform.arrayBuffer())
    return this.#takeOwn()
  }

  async blob(): Promise<Blob> {
    return this.#materialised().blob()
  }

  async formData(): Promise<FormData> {
    return this.#materialised().formData()
  }

  clone(): Response {
    if (this.#platform !== undefined) return new PlatformResponse(this.#platform.clone().body, this.#init())
    if (this.#used) throw new TypeError("Response.clone: Body has already been consumed.")
    this.#shared = true
    const clone = new StoredResponse(this.#answer)
    clone.#shared = true
    if (this.#headers !== undefined) clone.#headers = new Headers(this.#headers)
    return clone
  }

  /** The answer whose body is to be read now, and not to be given away. */
  #take(): Answer {
    if (this.#used) throw new TypeError("Body is unusable: Body has already been read")
    this.#used = this.#answer.body !== null
    return this.#answer
  }

  /** The body's bytes in a buffer of their own, to be given away. */
  #takeOwn(): Uint8Array<ArrayBuffer> {
    const { body, bodyStart } = this.#take()
    if (body === null) return new Uint8Array()
    const alone = !this.#shared && bodyStart === 0 && body.byteLength === body.buffer.byteLength
    return alone ? new Uint8Array(body.buffer as ArrayBuffer) : copied(body, bodyStart)
  }

  #init(): ResponseInit {
    return { status: this.status, statusText: this.statusText, headers: this.headers }
  }

  /** The platform's response with the same parts, which keeps the state of the body from now on. */
  #materialised(): Response {
    if (this.#platform === undefined) {
      const { body, bodyStart } = this.#answer
      const bytes = body === null ? null : this.#used ? new Uint8Array() : copied(body, bodyStart)
      this.#platform = new PlatformResponse(bytes, this.#init())
      // Read already: the stream of a body that has been read is locked.
      if (this.#used) void this.#platform.arrayBuffer()
    }
    return this.#platform
  }
}

function copied(bytes: Buffer, start: number): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  return new Uint8Array(buffer as ArrayBuffer, byteOffset + start, byteLength - start).slice()
}

function decode(bytes: Buffer, start: number): string {
  const text = bytes.toString("utf8", start)
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text
}

function readHeaders({ head, headEnd }: Answer): Headers {
  const headers = new Headers()
  const lines = head.toString("utf8", 0, headEnd).split("\n")
  for (const line of lines.slice(1, -1)) {
    const colon = line.indexOf(":")
    headers.append(line.slice(0, colon), line.slice(colon + 1))
  }
  return headers
}
