import type { Answer } from "./answer.js"
import { StoredHeaders } from "./headers.js"

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

/**
 * A stored response. Making a `Response` with headers and body costs several times the lookup, so each part is made when it is first
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
  /** Keeps the state of the body once a stream of it has been asked for. */
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
    const head = this.#answer.head()
    return head.slice(0, head.indexOf("\n"))
  }

  get headers(): Headers {
    this.#headers ??= new StoredHeaders(this.#answer.head())
    return this.#headers
  }

  get body(): Response["body"] {
    return this.#answer.hasBody ? this.#streamed().body : null
  }

  get bodyUsed(): boolean {
    return this.#platform?.bodyUsed ?? this.#used
  }

  async text(): Promise<string> {
    if (this.#platform !== undefined) return this.#platform.text()
    this.#use()
    return this.#answer.text()
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#platform !== undefined) return this.#platform.arrayBuffer()
    this.#use()
    return this.#answer.bytes(!this.#shared).buffer
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer())
  }

  async blob(): Promise<Blob> {
    return this.#streamed().blob()
  }

  async formData(): Promise<FormData> {
    return this.#streamed().formData()
  }

  clone(): Response {
    if (this.#platform !== undefined) return new PlatformResponse(this.#platform.clone().body, this)
    if (this.#used) throw new TypeError("Response.clone: Body has already been consumed.")
    this.#shared = true
    const clone = new StoredResponse(this.#answer)
    clone.#shared = true
    if (this.#headers !== undefined) clone.#headers = new Headers(this.#headers)
    return clone
  }

  #use(): void {
    if (this.#used) throw new TypeError("Body is unusable: Body has already been read")
    this.#used = this.#answer.hasBody
  }

  /** A response of the platform with the same body, and with the one field that says how to read it. */
  #streamed(): Response {
    if (this.#platform === undefined) {
      const bytes = this.#used ? new Uint8Array() : this.#answer.bytes(!this.#shared)
      const type = this.headers.get("content-type")
      const init = type === null ? {} : { headers: { "content-type": type } }
      this.#platform = new PlatformResponse(this.#answer.hasBody ? bytes : null, init)
      // Read already: the stream of a body that has been read is locked.
      if (this.#used) void this.#platform.arrayBuffer()
    }
    return this.#platform
  }
}
