import { once } from "node:events"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { type Bytes, bodyOf, bytesOf, EndOfConnection, Head, readHead, SocketReader } from "./wire"

/** A request that the origin received. */
export class OriginRequest extends Head {
  readonly method: string
  readonly target: string
  readonly version: string
  /** Number of its connection, from 1. */
  readonly connection: number
  /** Reads the body; rejects if the connection ends before the body does. */
  readonly body: () => Promise<Buffer>
  /** Reads the body in pieces, instead of {@link body}. */
  readonly portions: () => AsyncIterable<Buffer>

  constructor(head: Head, connection: number, reader: SocketReader) {
    super(head.raw)
    const [method = "", target = "", version = ""] = this.start.split(" ")
    this.method = method
    this.target = target
    this.version = version
    this.connection = connection
    const portions = bodyOf(reader, head, 0)
    let whole: Promise<Buffer> | undefined
    this.portions = () => portions
    this.body = () => {
      whole ??= collect(portions)
      return whole
    }
  }
}

async function collect(portions: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of portions) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** One request and the origin's means to answer it, for scripts that answer in steps. */
export interface Exchange {
  readonly request: OriginRequest
  readonly socket: Socket
  /** Resolves when the peer has closed the connection. */
  closedByPeer(): Promise<void>
  /** Resolves when the bytes are written, which may never happen if the peer does not read. */
  write(data: Bytes): Promise<void>
  /** Writes these bytes and ends the connection in order. */
  end(data?: Bytes): void
  /** Resets the connection. */
  reset(): void
}

/**
 * The origin's answer: bytes, sent when the whole request has arrived, or a function, called when
 * its head has. The connection stays open for further requests unless the function ends it.
 */
export type Answer = Bytes | ((exchange: Exchange) => unknown)

/** A point at which a script waits until the test opens it. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

/** Creates a closed gate. */
export function gate(): Gate {
  let open!: () => void
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

export interface AnswerParts {
  /** Default: 200. */
  readonly status?: number
  readonly reason?: string
  readonly fields?: Readonly<Record<string, string | readonly string[] | undefined>>
  /** Default: empty. */
  readonly body?: string
}

/** Returns the text of a response, with a `Content-Length` unless the fields define the length. */
export function answer({
  status = 200,
  reason = "Scripted",
  fields = {},
  body = "",
}: AnswerParts = {}): string {
  const names = Object.keys(fields).map((name) => name.toLowerCase())
  let head = `HTTP/1.1 ${status} ${reason}\r\n`
  for (const [name, values] of Object.entries(fields)) {
    for (const value of [values ?? []].flat()) head += `${name}: ${value}\r\n`
  }
  const isSized = names.includes("content-length") || names.includes("transfer-encoding")
  if (!isSized && status !== 204 && status !== 304) head += `Content-Length: ${body.length}\r\n`
  return `${head}\r\n${body}`
}

/** An origin server whose answers a test scripts byte by byte. */
export class ScriptedOrigin {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #scripts = new Map<string, Answer[]>()
  readonly #requests: OriginRequest[] = []
  readonly #failures: Error[] = []
  #connections = 0

  private constructor() {
    this.#server = createServer({ noDelay: true }, (socket) => void this.#serve(socket))
  }

  static async listen(): Promise<ScriptedOrigin> {
    const origin = new ScriptedOrigin()
    await once(origin.#server.listen(0, "127.0.0.1"), "listening")
    return origin
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections made so far. */
  get connections(): number {
    return this.#connections
  }

  /** Appends answers to the next requests for a target, of any method. */
  script(target: string, answers: Answer | readonly Answer[]): this {
    this.#scripts.set(target, [
      ...(this.#scripts.get(target) ?? []),
      ...([answers].flat() as Answer[]),
    ])
    return this
  }

  /** Returns the requests received so far, for one target or for all. */
  requests(target?: string): OriginRequest[] {
    return this.#requests.filter((request) => target === undefined || request.target === target)
  }

  /** Waits for the head of the `count`th request for a target. */
  async received(target: string, count = 1): Promise<OriginRequest> {
    for (;;) {
      const request = this.requests(target)[count - 1]
      if (request !== undefined) return request
      await once(this.#server, "received")
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await once(this.#server.close(), "close")
  }

  /** @throws Error of a request without a scripted answer, or of a script that threw. */
  verify(): void {
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  async #serve(socket: Socket): Promise<void> {
    this.#sockets.add(socket)
    this.#connections += 1
    const connection = this.#connections
    const reader = new SocketReader(socket)
    try {
      while (!socket.destroyed) {
        const request = new OriginRequest(await readHead(reader), connection, reader)
        this.#requests.push(request)
        this.#server.emit("received")
        await this.#answer(exchangeOf(request, socket, reader))
        await request.body()
      }
    } catch (error) {
      if (!(error instanceof EndOfConnection)) this.#failures.push(error as Error)
      if (!socket.writableEnded) socket.end()
    } finally {
      this.#sockets.delete(socket)
    }
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { method, target } = exchange.request
    const next = this.#scripts.get(target)?.shift()
    if (typeof next === "function") return void (await next(exchange))
    if (next === undefined)
      this.#failures.push(new Error(`no answer was scripted for ${method} ${target}`))
    await exchange.request.body()
    await exchange.write(next ?? answer({ status: 500, reason: "Not Scripted" }))
  }
}

function exchangeOf(request: OriginRequest, socket: Socket, reader: SocketReader): Exchange {
  return {
    request,
    socket,
    closedByPeer: () => reader.ended(),
    write: (data) => new Promise((resolve) => socket.write(bytesOf(data), () => resolve())),
    end: (data = "") => socket.end(bytesOf(data)),
    reset: () => socket.resetAndDestroy(),
  }
}
