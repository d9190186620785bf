import { discard, type Reader } from "./body.js"
import * as native from "./native.js"
import type { Waits } from "./waits.js"

/** How long a reader that holds others up is waited for. */
const PATIENCE_MS = 30_000

/** Numbers of what waits, as the addon makes them: three kinds, each with numbers of its own. */
const NUMBER = {
  ticket: (number: number) => number * 3,
  reader: (number: number) => number * 3 + 1,
  fill: (number: number) => number * 3 + 2,
}

/** The bodies of a wrapped handler on their way: written to the addon here, and read from there by this and other threads. */
export class Fills {
  readonly #wrapper: native.BindingWrapper
  readonly #waits: Waits
  /** Gives up the readers of streams that nobody will ever read. */
  readonly #unread: FinalizationRegistry<number>

  constructor(wrapper: native.BindingWrapper, waits: Waits) {
    this.#wrapper = wrapper
    this.#waits = waits
    this.#unread = new FinalizationRegistry((reader) => wrapper.dropReader(reader))
  }

  /** Waits for news of a ticket, for at most so many milliseconds. */
  arrival(ticket: number, patience: number): Promise<boolean> {
    return this.#waits.for(NUMBER.ticket(ticket), patience)
  }

  /** The stream of a body that is under way. */
  stream(reader: number): ReadableStream<Uint8Array> {
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(reader, controller),
        cancel: () => this.#wrapper.dropReader(reader),
      },
      { highWaterMark: 0 },
    )
    this.#unread.register(stream, reader)
    return stream
  }

  async #pull(reader: number, controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const read = this.#wrapper.read(reader)
      if (typeof read !== "number") return controller.enqueue(read)
      if (read === native.PENDING) {
        await this.#waits.for(NUMBER.reader(reader))
        continue
      }
      const why = read === native.BROKEN ? this.#wrapper.takeText() : undefined
      this.#wrapper.dropReader(reader)
      return why === undefined ? controller.close() : controller.error(new TypeError(why))
    }
  }

  /**
   * Writes a body to where it is stored and read from, and resolves to what has become of it: the outcome, or what it has broken
   * off with. Never rejects. The controller's signal breaks it off, and is given where nobody wants the rest. `own` is the reader of
   * the client that it is for, who need not wait until the event loop comes round to hear of it.
   */
  async write(
    fill: number,
    reader: Reader | null,
    controller: AbortController,
    own: number | undefined,
  ): Promise<number | Error> {
    const { signal } = controller
    const ring = () => {
      if (own !== undefined) this.#waits.ring(NUMBER.reader(own))
    }
    const cancel = () => discard(reader, signal.reason)
    signal.addEventListener("abort", cancel)
    try {
      const isWhole = reader === null || (await this.#copy(fill, reader, ring))
      signal.throwIfAborted()
      if (isWhole) return this.#end(fill, reader !== null)
      this.#wrapper.breakOff(fill, "nobody reads the body", Date.now())
      controller.abort()
      return native.PAST
    } catch (error) {
      const why = error instanceof Error ? error : new Error(String(error))
      this.#wrapper.breakOff(fill, why.message, Date.now())
      return why
    } finally {
      ring()
      signal.removeEventListener("abort", cancel)
      discard(reader)
    }
  }

  #end(fill: number, hasBody: boolean): number | Error {
    const outcome = this.#wrapper.finish(fill, hasBody, Date.now())
    if (outcome !== native.WRONG_LENGTH) return outcome
    return new TypeError("the body is not as long as its Content-Length says")
  }

  /** Tells whether it came to the end. */
  async #copy(fill: number, reader: Reader, ring: () => void): Promise<boolean> {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      let next = this.#wrapper.append(fill, read.value, Date.now())
      ring()
      while (next === native.HOLD) {
        if (!(await this.#waits.for(NUMBER.fill(fill), PATIENCE_MS))) this.#wrapper.shed(fill)
        next = this.#wrapper.progress(fill)
      }
      if (next === native.STOP) return false
    }
    return true
  }
}
