import { connect, type Socket } from "node:net"
import { type Bytes, bodyOf, bytesOf, EndOfConnection, Head, readHead, SocketReader } from "./wire"

/** The host that requests are for, unless they name another. */
export const HOST = "shop.example"

export class ResponseHead extends Head {
  readonly version: string
  readonly status: number
  /** The reason phrase, a character for each byte. */
  readonly reason: string

  constructor(raw: string) {
    super(raw)
    const [version = "", status = ""] = this.start.split(" ", 2)
    this.version = version
    this.status = Number(status)
    this.reason = this.start.slice(version.length + status.length + 2)
  }
}

export interface RawResponse {
  readonly head: ResponseHead
  readonly status: number
  /** Informational responses before it. */
  readonly informational: readonly ResponseHead[]
  readonly body: Buffer
  /** The body, a character for each byte. */
  readonly text: string
  /** Whether the body came to its end; where not, the connection was broken off. */
  readonly isComplete: boolean
  /** As {@link Head.get}. */
  get(name: string): string | undefined
  all(name: string): string[]
}

export interface RawRequest {
  /** Default: GET. */
  readonly method?: string
  readonly target: string
  /** In any case and order, several values one line each. `Host` is added where there is none. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Sent with a `Content-Length`, unless the fields say how long it is. */
  readonly body?: Bytes
}

/** The bytes of a request. */
export function requestBytes({ method = "GET", target, fields = {}, body }: RawRequest): Buffer {
  const names = Object.keys(fields).map((name) => name.toLowerCase())
  let head = `${method} ${target} HTTP/1.1\r\n`
  if (!names.includes("host")) head += `Host: ${HOST}\r\n`
  for (const [name, values] of Object.entries(fields)) {
    for (const value of [values ?? []].flat()) head += `${name}: ${value}\r\n`
  }
  if (body === undefined) return bytesOf(`${head}\r\n`)
  const isSized = names.includes("content-length") || names.includes("transfer-encoding")
  if (!isSized) head += `Content-Length: ${bytesOf(body).length}\r\n`
  return Buffer.concat([bytesOf(`${head}\r\n`), bytesOf(body)])
}

/** A connection whose bytes the test writes and reads. */
export class RawClient {
  readonly socket: Socket
  /** Resolves when the connection has closed. */
  readonly closed: Promise<void>
  readonly #reader: SocketReader

  private constructor(socket: Socket) {
    this.socket = socket
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()))
    this.#reader = new SocketReader(socket)
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1").setNoDelay()
    const client = new RawClient(socket)
    await new Promise<void>((resolve, reject) =>
      socket.once("connect", resolve).once("error", reject),
    )
    return client
  }

  send(data: Bytes | RawRequest): this {
    const isBytes = typeof data === "string" || Buffer.isBuffer(data)
    this.socket.write(isBytes ? bytesOf(data) : requestBytes(data))
    return this
  }

  /** The next head, informational or final. */
  async head(): Promise<ResponseHead> {
    return new ResponseHead((await readHead(this.#reader)).raw)
  }

  /**
   * The next response with its body, after the informational ones. `method` is that of its request.
   */
  async response(method = "GET"): Promise<RawResponse> {
    const informational: ResponseHead[] = []
    let head = await this.head()
    for (; head.status < 200; head = await this.head()) informational.push(head)
    return { ...(await this.rest(head, method)), informational }
  }

  /** The body of a response whose head has been read. */
  async rest(head: ResponseHead, method = "GET"): Promise<RawResponse> {
    const chunks: Buffer[] = []
    const isComplete = await this.#collect(head, method, chunks)
    const body = Buffer.concat(chunks)
    return {
      head,
      status: head.status,
      informational: [],
      body,
      text: body.toString("latin1"),
      isComplete,
      get: (name) => head.get(name),
      all: (name) => head.all(name),
    }
  }

  /** That many bytes, a character for each. */
  async bytes(count: number): Promise<string> {
    return (await this.#reader.exactly(count)).toString("latin1")
  }

  /** What else comes before the connection ends. */
  async remainder(): Promise<string> {
    let text = ""
    for (let some = await this.#reader.some(); some; some = await this.#reader.some()) {
      text += some.toString("latin1")
    }
    return text
  }

  close(): void {
    this.socket.destroy()
  }

  async #collect(head: ResponseHead, method: string, chunks: Buffer[]): Promise<boolean> {
    if (method === "HEAD" || head.status === 204 || head.status === 304) return true
    try {
      for await (const chunk of bodyOf(this.#reader, head, null)) chunks.push(chunk)
      return true
    } catch (error) {
      if (error instanceof EndOfConnection) return false
      throw error
    }
  }
}
