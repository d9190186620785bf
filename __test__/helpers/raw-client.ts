import { connect, type Socket } from "node:net"
import { type Bytes, bodyOf, bytesOf, EndOfConnection, Head, readHead, SocketReader } from "./wire"

/** Host of requests by default. */
export const HOST = "shop.example"

export class ResponseHead extends Head {
  readonly version: string
  readonly status: number
  /** The reason phrase, one character per byte. */
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
  /** Heads of the 1xx responses before this one. */
  readonly informational: readonly ResponseHead[]
  readonly body: Buffer
  /** The body, one character per byte. */
  readonly text: string
  /** Whether the body is complete; `false` if the connection ended before. */
  readonly isComplete: boolean
  /** As {@link Head.get}. */
  get(name: string): string | undefined
  all(name: string): string[]
}

export interface RawRequest {
  /** Default: GET. */
  readonly method?: string
  readonly target: string
  /** Header fields; several values make several lines. `Host` is added if missing. */
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Sent with a `Content-Length`, unless the fields define the length. */
  readonly body?: Bytes
}

/** Returns the bytes of a request. */
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

  /** Reads the next head, informational or final. */
  async head(): Promise<ResponseHead> {
    return new ResponseHead((await readHead(this.#reader)).raw)
  }

  /** Reads the next final response with its body. `method` is the method of the request. */
  async response(method = "GET"): Promise<RawResponse> {
    const informational: ResponseHead[] = []
    let head = await this.head()
    for (; head.status < 200; head = await this.head()) informational.push(head)
    return { ...(await this.readBody(head, method)), informational }
  }

  /** Reads the body of a response whose head has been read. */
  async readBody(head: ResponseHead, method = "GET"): Promise<RawResponse> {
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

  /** Reads `count` bytes, one character per byte. */
  async bytes(count: number): Promise<string> {
    return (await this.#reader.readExactly(count)).toString("latin1")
  }

  /** Reads until the connection ends. */
  async readToEnd(): Promise<string> {
    let text = ""
    for (let some = await this.#reader.readSome(); some; some = await this.#reader.readSome()) {
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
