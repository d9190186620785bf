import { Readable } from "node:stream"
import type { ReadableStream } from "node:stream/web"
import { type InspectOptions, inspect } from "node:util"
import type { Answer } from "../native/answer.js"
import { fieldsOf, headersOf, reasonPhraseOf } from "./headers.js"
import { streamOf, streamOfChunks } from "./streams.js"
import { takeWhole, type Whole } from "./whole.js"

/** The platform's class. A server adapter may have replaced it by a subclass with its own state. */
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

/**
 * State of a stored response. One object, because each private field costs a response as much as a
 * header costs a lookup.
 */
interface State {
  readonly answer: Answer
  headers: Headers | undefined
  /** Whether the body has been read without its stream. */
  used: boolean
  /** The stream of the body, once it has been asked for. */
  stream: ReadableStream<Uint8Array> | undefined
}

/**
 * A stored response. A platform `Response` with headers and body costs several times the lookup, so
 * each part is created on first use, and whatever needs a stream is handed to a platform `Response`
 * created then. It is a `Response` by its prototype, and has every member itself; the platform's
 * constructor never runs.
 */
export class StoredResponse implements Response {
  readonly #state: State

  constructor(answer: Answer) {
    this.#state = { answer, headers: undefined, used: false, stream: undefined }
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
    return reasonPhraseOf(this.#state.answer.head())
  }

  get headers(): Headers {
    const state = this.#state
    state.headers ??= headersOf(state.answer.head())
    return state.headers
  }

  get body(): Response["body"] {
    const state = this.#state
    if (state.answer.bodyBytes !== undefined) state.stream ??= this.#makeStream()
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
    return this.#use().bytes().buffer
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.arrayBuffer())
  }

  async blob(): Promise<Blob> {
    if (this.#state.stream !== undefined) return this.#streamed().blob()
    const bytes = this.#use().bytes()
    const { type } = await new PlatformResponse(null, this.#typeField()).blob()
    return new Blob([bytes], { type })
  }

  async formData(): Promise<FormData> {
    return this.#streamed().formData()
  }

  clone(): Response {
    const state = this.#state
    if (this.bodyUsed || state.stream?.locked)
      throw new TypeError("Response.clone: Body has already been consumed.")
    const clone = new StoredResponse(
      state.stream === undefined ? state.answer.another() : state.answer,
    )
    clone.#state.headers = state.headers && new Headers(state.headers)
    if (state.stream !== undefined) [state.stream, clone.#state.stream] = state.stream.tee()
    return clone
  }

  [takeWhole](): Whole | undefined {
    const { answer, headers, stream, used } = this.#state
    if (used || stream !== undefined) return undefined
    return {
      status: this.status,
      fields: headers === undefined ? fieldsOf(answer.head()) : [...headers].flat(),
      body: answer.bodyBytes === undefined ? null : this.#use().raw(),
    }
  }

  /** Shows the response as the platform does, without creating the stream or using the body. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    if (depth < 0) return "[Response]"
    const { status, statusText, headers, bodyUsed, ok, redirected, type, url } = this
    const body = this.#shownBody()
    const shown = { status, statusText, headers, body, bodyUsed, ok, redirected, type, url }
    return `Response ${inspect(shown, options)}`
  }

  #shownBody(): unknown {
    const { answer, stream } = this.#state
    if (stream !== undefined) return stream
    const { bodyBytes } = answer
    return bodyBytes === undefined ? null : { [inspect.custom]: () => `[${bodyBytes} bytes]` }
  }

  /** The answer, whose body is read now. */
  #use(): Answer {
    const state = this.#state
    if (state.used) throw new TypeError("Body is unusable: Body has already been read")
    state.used = state.answer.bodyBytes !== undefined
    return state.answer
  }

  #makeStream(): ReadableStream<Uint8Array> {
    const { answer, used } = this.#state
    if (used) {
      // The stream of a body that has been read is locked.
      const stream = streamOf(undefined)
      void stream.getReader().read()
      return stream
    }
    const raw = answer.raw()
    return typeof raw === "string" ? streamOf(answer.bytes()) : streamOfChunks(raw)
  }

  /** A platform response with the same body, and with the one field that says how to read it. */
  #streamed(): Response {
    return new PlatformResponse(this.body, this.#typeField())
  }

  #typeField(): ResponseInit {
    const type = this.headers.get("content-type")
    return type === null ? {} : { headers: { "content-type": type } }
  }
}

Object.setPrototypeOf(StoredResponse.prototype, PlatformResponse.prototype)
