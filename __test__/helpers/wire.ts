import type { Socket } from "node:net"

export type Bytes = string | Buffer

/** Returns the bytes of text that has one character per byte. */
export function bytesOf(data: Bytes): Buffer {
  return typeof data === "string" ? Buffer.from(data, "latin1") : data
}

/** The connection ended before the requested bytes. */
export class EndOfConnection extends Error {}

/** Reads parts of HTTP messages from a connection, and no more than requested (backpressure). */
export class SocketReader {
  readonly #socket: Socket
  #buffer = Buffer.alloc(0)
  #hasEnded = false
  /** The error that ended the connection, if it did not end in order. */
  failure: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on("error", (error) => {
      this.failure = error
    })
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.#hasEnded = true
      })
    }
  }

  /** Reads at least one byte; `undefined` at the end. */
  async readSome(): Promise<Buffer | undefined> {
    if (this.#buffer.length === 0 && !(await this.#receive())) return undefined
    return this.#take(this.#buffer.length)
  }

  async readExactly(count: number): Promise<Buffer> {
    while (this.#buffer.length < count) await this.#requireMore()
    return this.#take(count)
  }

  /** Reads up to and including the delimiter. */
  async readThrough(delimiter: string): Promise<Buffer> {
    for (;;) {
      const at = this.#buffer.indexOf(delimiter, 0, "latin1")
      if (at !== -1) return this.#take(at + delimiter.length)
      await this.#requireMore()
    }
  }

  /** Resolves at the end of the connection. Bytes received before it can still be read. */
  async ended(): Promise<void> {
    while (await this.#receive());
  }

  async #requireMore(): Promise<void> {
    if (!(await this.#receive()))
      throw new EndOfConnection(this.failure?.message ?? "the connection has ended")
  }

  async #receive(): Promise<boolean> {
    for (;;) {
      const chunk: Buffer | null = this.#socket.read()
      if (chunk !== null) {
        this.#buffer = Buffer.concat([this.#buffer, chunk])
        return true
      }
      if (this.#hasEnded) return false
      await this.#nextEvent()
    }
  }

  /** Waits for the next event of the connection. */
  #nextEvent(): Promise<void> {
    const events = ["readable", "end", "close"]
    return new Promise((resolve) => {
      const settle = () => {
        for (const event of events) this.#socket.off(event, settle)
        resolve()
      }
      for (const event of events) this.#socket.on(event, settle)
    })
  }

  #take(count: number): Buffer {
    const taken = this.#buffer.subarray(0, count)
    this.#buffer = this.#buffer.subarray(count)
    return taken
  }
}

/** The head of a message as sent. */
export class Head {
  /** The whole head with the empty line, one character per byte. */
  readonly raw: string
  /** The first line. */
  readonly start: string
  /** Names as spelled, and values. */
  readonly fields: readonly (readonly [name: string, value: string])[]

  constructor(raw: string) {
    const [start = "", ...lines] = raw.slice(0, -4).split("\r\n")
    this.raw = raw
    this.start = start
    this.fields = lines.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
  }

  /** Returns the values of all lines of a field. */
  all(name: string): string[] {
    return this.fields
      .filter(([given]) => given.toLowerCase() === name.toLowerCase())
      .map(([, value]) => value)
  }

  /** Returns the value of a field, several lines joined by commas. */
  get(name: string): string | undefined {
    const values = this.all(name)
    return values.length === 0 ? undefined : values.join(", ")
  }
}

export async function readHead(reader: SocketReader): Promise<Head> {
  return new Head((await reader.readThrough("\r\n\r\n")).toString("latin1"))
}

/**
 * Reads a body in pieces as they arrive, with the length that the head defines. `defaultLength` is
 * the length without such a field: 0, or `null` for until the end of the connection.
 */
export async function* bodyOf(
  reader: SocketReader,
  head: Head,
  defaultLength: 0 | null,
): AsyncGenerator<Buffer, void> {
  if (head.get("transfer-encoding") !== undefined) yield* readChunks(reader)
  else if (head.get("content-length") !== undefined)
    yield* readLength(reader, Number(head.get("content-length")))
  else if (defaultLength === null) yield* readRest(reader)
}

async function* readChunks(reader: SocketReader): AsyncGenerator<Buffer, void> {
  for (;;) {
    const line = (await reader.readThrough("\r\n")).toString("latin1")
    const size = Number.parseInt(line, 16)
    if (!/^[\da-f]+\r\n$/i.test(line)) throw new Error(`not a chunk size: ${JSON.stringify(line)}`)
    if (size === 0) break
    yield await reader.readExactly(size)
    await reader.readExactly(2)
  }
  while ((await reader.readThrough("\r\n")).length > 2);
}

async function* readLength(reader: SocketReader, length: number): AsyncGenerator<Buffer, void> {
  for (let left = length; left > 0; ) {
    const portion = await reader.readExactly(Math.min(left, 65_536))
    left -= portion.length
    yield portion
  }
}

async function* readRest(reader: SocketReader): AsyncGenerator<Buffer, void> {
  for (
    let readSome = await reader.readSome();
    readSome !== undefined;
    readSome = await reader.readSome()
  )
    yield readSome
  if (reader.failure !== undefined) throw new EndOfConnection(reader.failure.message)
}
