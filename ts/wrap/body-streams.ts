import { isUint8Array } from "node:util/types"
import { invalid, inWords, isError, messageOf } from "../errors.js"
import { discard, type Reader } from "../http/body.js"
import * as native from "../native/addon.js"
import { deliverNotifications, type Waits } from "../native/waits.js"
import { BackgroundTimer } from "../timers.js"

/** Milliseconds for which a reader that holds others up is waited for. */
const SLOW_READER_MS = 30_000

/** Bytes that are handed to the addon at a time, so that a large chunk is not held twice. */
const PIECE_BYTES = 64 * 1024

/** Who reads a body, by its number in the addon. */
interface StreamReader {
  readonly number: number
  /** Whether the number is no longer its own. */
  isDone: boolean
  /** Stops listening to the client's signal. */
  forget(): void
}

const NOBODY = new Error("nobody reads the body")

/** Numbers of what waits, as the addon makes them: four kinds, each with numbers of its own. */
const NUMBER = {
  ticket: (number: number) => number * 4,
  reader: (number: number) => number * 4 + 1,
  fill: (number: number) => number * 4 + 2,
  run: (number: number) => number * 4 + 3,
}

/**
 * The bodies of a wrapped handler on their way: written to the addon here, and read from there by
 * this and other threads.
 */
export class BodyStreams {
  readonly #wrapper: native.BindingWrapper
  readonly #waits: Waits
  readonly #timeoutMs: number
  /** Gives up the readers of streams that nobody will ever read. */
  readonly #unread: FinalizationRegistry<StreamReader>

  /**
   * @param timeoutMs milliseconds without progress after which a body is no longer stored, nor
   * joined by others
   */
  constructor(wrapper: native.BindingWrapper, waits: Waits, timeoutMs: number) {
    this.#wrapper = wrapper
    this.#waits = waits
    this.#timeoutMs = timeoutMs
    this.#unread = new FinalizationRegistry((reader) => this.#finish(reader))
  }

  /** Waits for news of a ticket, for at most so many milliseconds. */
  arrival(ticket: number, timeoutMs: number): Promise<boolean> {
    const keepAliveMs = this.#wrapper.isWaitOfOtherThread(ticket) ? timeoutMs : undefined
    return this.#waits.for(NUMBER.ticket(ticket), { timeoutMs, keepAliveMs })
  }

  /** Ends the wait for news of a ticket. */
  stopWaiting(ticket: number): void {
    this.#waits.notify(NUMBER.ticket(ticket))
  }

  /**
   * Calls `left` when the last request has stopped waiting for a run, until it is told to `stop`.
   */
  listenToRun(run: number, left: () => void): { stop(): void } {
    return this.#waits.listen(NUMBER.run(run), left)
  }

  /**
   * The stream of a body that is under way. It errors with the reason of `signal` when that aborts.
   */
  stream(number: number, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
    const reader: StreamReader = { number, isDone: false, forget: () => {} }
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => this.#endWith(signal, reader, controller),
        pull: (controller) => this.#pull(reader, controller),
        cancel: () => this.#finish(reader),
      },
      { highWaterMark: 0 },
    )
    this.#unread.register(stream, reader, reader)
    return stream
  }

  /** The signal must not hold a stream that nobody else holds. */
  #endWith(
    signal: AbortSignal | undefined,
    reader: StreamReader,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): void {
    if (signal === undefined) return
    const held = new WeakRef(controller)
    const abort = () => {
      if (reader.isDone) return
      this.#finish(reader)
      held.deref()?.error(signal.reason)
    }
    signal.addEventListener("abort", abort)
    reader.forget = () => signal.removeEventListener("abort", abort)
  }

  /**
   * Gives a reader up. Its number may be another's from here on, so nothing is to be read with it
   * any more.
   */
  #finish(reader: StreamReader): void {
    reader.isDone = true
    reader.forget()
    this.#unread.unregister(reader)
    this.#wrapper.dropReader(reader.number)
    deliverNotifications()
    this.#waits.notify(NUMBER.reader(reader.number))
  }

  async #pull(
    reader: StreamReader,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    while (!reader.isDone) {
      const read = this.#wrapper.read(reader.number)
      deliverNotifications()
      if (typeof read !== "number") return controller.enqueue(read)
      if (read === native.PENDING) {
        const isRemote = this.#wrapper.isReaderOfOtherThread(reader.number)
        await this.#waits.for(NUMBER.reader(reader.number), {
          keepAliveMs: isRemote ? this.#timeoutMs : undefined,
        })
        continue
      }
      const why = read === native.BROKEN ? this.#wrapper.takeText() : undefined
      this.#finish(reader)
      return why === undefined ? controller.close() : controller.error(new TypeError(why))
    }
  }

  /**
   * Writes a body to where it is stored and read from, and resolves to what has become of it: the
   * outcome, or what it has broken off with. Never rejects. The controller's signal breaks it off,
   * and is given where nobody wants the rest. `own` is the reader of the client that it is for, who
   * need not wait until the event loop comes round to hear of it.
   */
  async write(
    fill: number,
    reader: Reader | null,
    controller: AbortController,
    own: number | undefined,
  ): Promise<number | Error> {
    const { signal } = controller
    const notify = () => {
      if (own !== undefined) this.#waits.notify(NUMBER.reader(own))
    }
    const cancel = () => discard(reader, signal.reason)
    signal.addEventListener("abort", cancel)
    const stopIfUnread = (progress: number) => {
      if (progress === native.STOP) controller.abort(NOBODY)
    }
    const readers = this.#waits.listen(NUMBER.fill(fill), () =>
      stopIfUnread(this.#wrapper.progress(fill)),
    )
    const stall = new BackgroundTimer(
      () => stopIfUnread(this.#wrapper.stall(fill)),
      this.#timeoutMs,
    )
    try {
      const isWhole =
        reader === null || (await this.#copy(fill, reader, notify, () => stall.refresh()))
      signal.throwIfAborted()
      if (isWhole) return this.#end(fill, reader !== null)
      throw NOBODY
    } catch (error) {
      const why = isError(error) ? error : new Error(inWords(error))
      this.#wrapper.breakOff(fill, messageOf(why), Date.now())
      controller.abort(why)
      return why === NOBODY ? native.NOT_STORED : why
    } finally {
      deliverNotifications()
      stall.stop()
      readers.stop()
      notify()
      signal.removeEventListener("abort", cancel)
      discard(reader)
    }
  }

  /** Whether a body whose refresh has taken too long goes on for clients that read it. */
  timeOut(fill: number): boolean {
    return this.#wrapper.timeOut(fill, Date.now())
  }

  /** Breaks a body off that cannot be written. */
  breakOff(fill: number, error: unknown): void {
    this.#wrapper.breakOff(fill, inWords(error), Date.now())
  }

  #end(fill: number, hasBody: boolean): number | Error {
    const outcome = this.#wrapper.finish(fill, hasBody, Date.now())
    if (outcome !== native.WRONG_LENGTH) return outcome
    return new TypeError("the body is not as long as its Content-Length says")
  }

  /** Tells whether it came to the end. */
  async #copy(
    fill: number,
    reader: Reader,
    notify: () => void,
    progressed: () => void,
  ): Promise<boolean> {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      progressed()
      for (const piece of piecesOf(read.value)) {
        let next = this.#wrapper.append(fill, piece, Date.now())
        deliverNotifications()
        notify()
        let isRead = true
        while (next === native.WAIT_FOR_READERS) {
          // Once no reader has read for so long, no thread stays for their sake.
          const isAwaitedElsewhere = isRead && this.#wrapper.isBodyReadByOtherThread(fill)
          const keepAliveMs = isAwaitedElsewhere ? SLOW_READER_MS : undefined
          isRead = await this.#waits.for(NUMBER.fill(fill), {
            timeoutMs: SLOW_READER_MS,
            keepAliveMs,
          })
          if (!isRead) this.#wrapper.dropSlowestReaders(fill)
          next = this.#wrapper.progress(fill)
        }
        if (next === native.STOP) return false
        if (next === native.WRONG_LENGTH)
          throw new TypeError("the body is longer than its Content-Length says")
      }
    }
    return true
  }
}

function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  if (!isUint8Array(chunk)) {
    throw invalid(
      "LAYERON_INVALID_RESPONSE",
      "the response of a wrapped handler must have a body of bytes",
    )
  }
  for (let start = 0; start === 0 || start < chunk.byteLength; start += PIECE_BYTES) {
    yield chunk.subarray(start, start + PIECE_BYTES)
  }
}
