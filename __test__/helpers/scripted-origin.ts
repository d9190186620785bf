import { once } from "node:events"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { type Bytes, bodyOf, bytesOf, EndOfConnection, Head, readHead, SocketReader } from "./wire"

/** A request as the origin got it. */
export class OriginRequest extends Head {
  readonly method: string
  readonly target: string
  readonly version: string
  /** The connection it came on: 1 for the first, and so on. */
  readonly connection: number
  /** Resolves with the body; rejects where the connection ends before it. */
  readonly body: () => Promise<Buffer>
  /** The body in portions, in place of {@link body}. */
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

/** The origin's side of one request, for a script that goes step by step. */
export interface Turn {
  readonly request: OriginRequest
  readonly socket: Socket
  /** Resolves when the other side has given the connection up. */
  abandoned(): Promise<void>
  /** Resolves when the bytes have left, which may be never where the other side does not read. */
  write(data: Bytes): Promise<void>
  /** Ends the connection in order, after these bytes. */
  end(data?: Bytes): void
  /** Breaks it off. */
  reset(): void
}

/**
 * What the origin answers with: bytes, sent once the whole request is there, or steps, which begin
 * when its head is. A connection stays open for further requests unless a step ends it.
 */
export type Answer = Bytes | ((turn: Turn) => unknown)

/** A point in a script that is passed once the test opens it. */
export interface Gate {
  readonly opened: Promise<void>
  open(): void
}

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

/** The text of a response, with a `Content-Length` where the fields do not say how long it is. */
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

/** An origin whose answers a test scripts byte by byte. */
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

  /**
   * Answers the next requests for a target, in whatever method, one after the other. Adds to what
   * has been scripted for it.
   */
  script(target: string, answers: Answer | readonly Answer[]): this {
    this.#scripts.set(target, [
      ...(this.#scripts.get(target) ?? []),
      ...([answers].flat() as Answer[]),
    ])
    return this
  }

  /** The requests so far, for a target or all. */
  requests(target?: string): OriginRequest[] {
    return this.#requests.filter((request) => target === undefined || request.target === target)
  }

  /** The `count`th request for a target, as soon as its head has come. */
  async arrival(target: string, count = 1): Promise<OriginRequest> {
    for (;;) {
      const request = this.requests(target)[count - 1]
      if (request !== undefined) return request
      await once(this.#server, "arrival")
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    if (this.#server.listening) await once(this.#server.close(), "close")
  }

  /** @throws Error for a request that no answer was scripted for, and what a step has thrown. */
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
        this.#server.emit("arrival")
        await this.#answer(turnOf(request, socket, reader))
        await request.body()
      }
    } catch (error) {
      if (!(error instanceof EndOfConnection)) this.#failures.push(error as Error)
      if (!socket.writableEnded) socket.end()
    } finally {
      this.#sockets.delete(socket)
    }
  }

  async #answer(turn: Turn): Promise<void> {
    const { method, target } = turn.request
    const next = this.#scripts.get(target)?.shift()
    if (typeof next === "function") return void (await next(turn))
    if (next === undefined)
      this.#failures.push(new Error(`no answer was scripted for ${method} ${target}`))
    await turn.request.body()
    await turn.write(next ?? answer({ status: 500, reason: "Not Scripted" }))
  }
}

function turnOf(request: OriginRequest, socket: Socket, reader: SocketReader): Turn {
  return {
    request,
    socket,
    abandoned: () => reader.over(),
    write: (data) => new Promise((resolve) => socket.write(bytesOf(data), () => resolve())),
    end: (data = "") => socket.end(bytesOf(data)),
    reset: () => socket.resetAndDestroy(),
  }
}
