import type { Socket } from "node:net"

export type Bytes = string | Buffer

/** Text stands for bytes, one character each. */
export function bytesOf(data: Bytes): Buffer {
  return typeof data === "string" ? Buffer.from(data, "latin1") : data
}

/** The connection has ended before what was to be read from it. */
export class EndOfConnection extends Error {}

/**
 * Reads a connection in the portions that HTTP has. What nobody asks for is left where it is, so
 * that the other side has to wait.
 */
export class SocketReader {
  readonly #socket: Socket
  #held = Buffer.alloc(0)
  #isOver = false
  /** What has broken the connection off, in place of an orderly end. */
  failure: Error | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on("error", (error) => {
      this.failure = error
    })
    for (const event of ["end", "close"]) {
      socket.on(event, () => {
        this.#isOver = true
      })
    }
  }

  /** Whatever has come, at least one byte, or `undefined` at the end. */
  async some(): Promise<Buffer | undefined> {
    if (this.#held.length === 0 && !(await this.#more())) return undefined
    return this.#take(this.#held.length)
  }

  async exactly(count: number): Promise<Buffer> {
    while (this.#held.length < count) await this.#wantMore()
    return this.#take(count)
  }

  /** Up to and with the delimiter. */
  async through(delimiter: string): Promise<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(delimiter, 0, "latin1")
      if (at !== -1) return this.#take(at + delimiter.length)
      await this.#wantMore()
    }
  }

  /** Resolves at the end of the connection. What comes before it can still be read. */
  async over(): Promise<void> {
    while (await this.#more());
  }

  async #wantMore(): Promise<void> {
    if (!(await this.#more()))
      throw new EndOfConnection(this.failure?.message ?? "the connection has ended")
  }

  async #more(): Promise<boolean> {
    for (;;) {
      const chunk: Buffer | null = this.#socket.read()
      if (chunk !== null) {
        this.#held = Buffer.concat([this.#held, chunk])
        return true
      }
      if (this.#isOver) return false
      await this.#stir()
    }
  }

  /** Waits until something has happened to the connection. */
  #stir(): Promise<void> {
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
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(count)
    return taken
  }
}

/** The head of a message as it was sent. */
export class Head {
  /** All of it with the empty line, a character for each byte. */
  readonly raw: string
  /** Its first line. */
  readonly start: string
  /** Names as they were spelled, and values. */
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

  /** The values of all lines of a field. */
  all(name: string): string[] {
    return this.fields
      .filter(([given]) => given.toLowerCase() === name.toLowerCase())
      .map(([, value]) => value)
  }

  /** The value of a field, several lines joined by commas. */
  get(name: string): string | undefined {
    const values = this.all(name)
    return values.length === 0 ? undefined : values.join(", ")
  }
}

export async function readHead(reader: SocketReader): Promise<Head> {
  return new Head((await reader.through("\r\n\r\n")).toString("latin1"))
}

/**
 * A body as it comes in, in portions, by what the head says of its length; `null` is a length that
 * only the end of the connection says.
 */
export async function* bodyOf(
  reader: SocketReader,
  head: Head,
  unsaid: 0 | null,
): AsyncGenerator<Buffer, void> {
  if (head.get("transfer-encoding") !== undefined) yield* chunksOf(reader)
  else if (head.get("content-length") !== undefined)
    yield* portionsOf(reader, Number(head.get("content-length")))
  else if (unsaid === null) yield* restOf(reader)
}

async function* chunksOf(reader: SocketReader): AsyncGenerator<Buffer, void> {
  for (;;) {
    const line = (await reader.through("\r\n")).toString("latin1")
    const size = Number.parseInt(line, 16)
    if (!/^[\da-f]+\r\n$/i.test(line))
      throw new Error(`no size of a chunk: ${JSON.stringify(line)}`)
    if (size === 0) break
    yield await reader.exactly(size)
    await reader.exactly(2)
  }
  while ((await reader.through("\r\n")).length > 2);
}

async function* portionsOf(reader: SocketReader, length: number): AsyncGenerator<Buffer, void> {
  for (let left = length; left > 0; ) {
    const portion = await reader.exactly(Math.min(left, 65_536))
    left -= portion.length
    yield portion
  }
}

async function* restOf(reader: SocketReader): AsyncGenerator<Buffer, void> {
  for (let some = await reader.some(); some !== undefined; some = await reader.some()) yield some
  if (reader.failure !== undefined) throw new EndOfConnection(reader.failure.message)
}
