import { discard, type Reader } from "./body.js"
import { inWords, messageOf } from "./errors.js"
import * as native from "./native.js"
import type { Waits } from "./waits.js"

/** How long a reader that holds others up is waited for. */
const PATIENCE_MS = 30_000

/** Who reads a body, by its number in the addon. */
interface StreamReader {
  readonly number: number
  /** Whether the number is no longer its own. */
  isDone: boolean
}

const NOBODY = new Error("nobody reads the body")

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
  stream(number: number): ReadableStream<Uint8Array> {
    const reader = { number, isDone: false }
    const stream = new ReadableStream<Uint8Array>(
      {
        pull: (controller) => this.#pull(reader, controller),
        cancel: () => this.#finish(reader),
      },
      { highWaterMark: 0 },
    )
    this.#unread.register(stream, number, reader)
    return stream
  }

  /** Gives a reader up. Its number may be another's from here on, so nothing is to be read with it any more. */
  #finish(reader: StreamReader): void {
    reader.isDone = true
    this.#unread.unregister(reader)
    this.#wrapper.dropReader(reader.number)
    this.#waits.ring(NUMBER.reader(reader.number))
  }

  async #pull(reader: StreamReader, controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (!reader.isDone) {
      const read = this.#wrapper.read(reader.number)
      if (typeof read !== "number") return controller.enqueue(read)
      if (read === native.PENDING) {
        await this.#waits.for(NUMBER.reader(reader.number))
        continue
      }
      const why = read === native.BROKEN ? this.#wrapper.takeText() : undefined
      this.#finish(reader)
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
    const readers = this.#waits.listen(NUMBER.fill(fill), () => {
      if (this.#wrapper.progress(fill) === native.STOP) controller.abort(NOBODY)
    })
    try {
      const isWhole = reader === null || (await this.#copy(fill, reader, ring))
      signal.throwIfAborted()
      if (isWhole) return this.#end(fill, reader !== null)
      throw NOBODY
    } catch (error) {
      const why = error instanceof Error ? error : new Error(inWords(error))
      this.#wrapper.breakOff(fill, messageOf(why), Date.now())
      controller.abort(why)
      return why === NOBODY ? native.PAST : why
    } finally {
      readers.stop()
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
      if (next === native.WRONG_LENGTH) throw new TypeError("the body is longer than its Content-Length says")
    }
    return true
  }
}
