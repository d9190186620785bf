import { Readable } from "node:stream"
import { ReadableStream } from "node:stream/web"
import type { Answer } from "./answer.js"
import { fieldsOf, StoredHeaders } from "./headers.js"
import { takeWhole, type Whole } from "./whole.js"

/**
 * The platform's own class. A server adapter may have put another in its place, whose instances keep state of their own; the
 * class that it extends is the one meant here.
 */
function platformResponse(): typeof Response {
  let found = globalThis.Response
  for (;;) {
    const parent = Object.getPrototypeOf(found)
    if (typeof parent?.prototype !== "object" || parent.prototype === null) return found
    found = parent
  }
}

/** The class of the platform. */
export const PlatformResponse = platformResponse()

/** What a stored response has come to. One object, because each private field costs a response as much as a header costs a lookup. */
interface State {
  readonly answer: Answer
  headers: Headers | undefined
  /** Whether the body's bytes belong to a clone as well. */
  shared: boolean
  /** Whether the body has been read other than by its stream. */
  used: boolean
  /** The stream of the body, once it has been asked for. */
  stream: ReadableStream<Uint8Array> | undefined
}

/**
 * A stored response. Making a `Response` with headers and body costs several times the lookup, so each part is made when it is first
 * asked for; whatever needs a stream is handed on to a `Response` of the platform made then. It is a `Response` by its prototype, and
 * every member is its own: the platform's constructor, which would prepare for all of them, never runs.
 */
export class StoredResponse implements Response {
  readonly #state: State

  constructor(answer: Answer) {
    this.#state = { answer, headers: undefined, shared: false, used: false, stream: undefined }
  }

  get type(): Response["type"] {
    return "default"
  }

  get url(): string {
    return ""
  }

  get redirected(): boolean {
    return false
  }

  get status(): number {
    return this.#state.answer.status
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  get statusText(): string {
    const head = this.#state.answer.head()
    return head.slice(0, head.indexOf("\n"))
  }

  get headers(): Headers {
    const state = this.#state
    state.headers ??= new StoredHeaders(state.answer.head())
    return state.headers
  }

  get body(): Response["body"] {
    const state = this.#state
    if (state.answer.hasBody) state.stream ??= this.#makeStream()
    return (state.stream ?? null) as Response["body"]
  }

  get bodyUsed(): boolean {
    const { stream, used } = this.#state
    return used || (stream !== undefined && Readable.isDisturbed(stream as unknown as Readable))
  }

  async text(): Promise<string> {
    return this.#state.stream === undefined ? this.#use().text() : this.#streamed().text()
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    if (this.#state.stream !== undefined) return this.#streamed().arrayBuffer()
    return this.#use().bytes(!this.#state.shared).buffer
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
    const state = this.#state
    if (this.bodyUsed || state.stream?.locked)
      throw new TypeError("Response.clone: Body has already been consumed.")
    if (state.stream === undefined) {
      state.shared = true
      const clone = new StoredResponse(state.answer)
      clone.#state.shared = true
      clone.#state.headers = state.headers && new Headers(state.headers)
      return clone
    }
    const [own, other] = state.stream.tee()
    state.stream = own
    return new PlatformResponse(other as ConstructorParameters<typeof Response>[0], this)
  }

  [takeWhole](): Whole | undefined {
    const { answer, stream, used } = this.#state
    if (used || stream !== undefined) return undefined
    return {
      status: this.status,
      fields: fieldsOf(this.headers),
      body: answer.hasBody ? this.#use().raw() : null,
    }
  }

  /** The answer, whose body is read now. */
  #use(): Answer {
    const state = this.#state
    if (state.used) throw new TypeError("Body is unusable: Body has already been read")
    state.used = state.answer.hasBody
    return state.answer
  }

  #makeStream(): ReadableStream<Uint8Array> {
    const { answer, shared, used } = this.#state
    const stream = streamOf(used ? undefined : answer.bytes(!shared))
    // The stream of a body that has been read is locked.
    if (used) void stream.getReader().read()
    return stream
  }

  /** A response of the platform with the same body, and with the one field that says how to read it. */
  #streamed(): Response {
    const type = this.headers.get("content-type")
    const init = type === null ? {} : { headers: { "content-type": type } }
    return new PlatformResponse(this.body, init)
  }
}

Object.setPrototypeOf(StoredResponse.prototype, PlatformResponse.prototype)

/** Not the platform's own way, a response, which takes half as long again. */
function streamOf(bytes: Uint8Array | undefined): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      if (bytes !== undefined && bytes.byteLength > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}
