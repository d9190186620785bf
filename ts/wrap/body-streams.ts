import { isUint8Array } from "node:util/types"
import { CacheTypeError, inWords, isError, messageOf } from "../errors.js"
import { discard, type Reader } from "../http/body.js"
import * as native from "../native/addon.js"
import { deliverNotifications, type Waits } from "../native/waits.js"
import { BackgroundTimer } from "../timers.js"

/** Milliseconds for which a body waits for a reader that blocks the others. */
const SLOW_READER_MS = 30_000

/** Bytes handed to the addon at a time, so that a large chunk is not held twice. */
const PIECE_BYTES = 64 * 1024

/** A reader of a body, by its number in the addon. */
interface StreamReader {
  readonly number: number
  /** Whether the number may have been reused. */
  isDone: boolean
  /** Stops listening to the client's signal. */
  forget(): void
}

const NOBODY = new Error("nobody reads the body")

/** Numbers of waiters, as the addon computes them: four kinds, each with numbers of its own. */
const NUMBER = {
  ticket: (number: number) => number * 4,
  reader: (number: number) => number * 4 + 1,
  fill: (number: number) => number * 4 + 2,
  run: (number: number) => number * 4 + 3,
}

/**
 * Body streams of a wrapped handler: written to the addon by this thread, read by this and other
 * threads.
 */
export class BodyStreams {
  readonly #wrapper: native.BindingWrapper
  readonly #waits: Waits
  readonly #timeoutMs: number
  /** Closes the readers of streams that were collected. */
  readonly #unread: FinalizationRegistry<StreamReader>

  /**
   * @param timeoutMs milliseconds without progress after which a body is no longer stored or joined
   */
  constructor(wrapper: native.BindingWrapper, waits: Waits, timeoutMs: number) {
    this.#wrapper = wrapper
    this.#waits = waits
    this.#timeoutMs = timeoutMs
    this.#unread = new FinalizationRegistry((reader) => this.#finish(reader))
  }

  /** Waits for the outcome of a wait, for at most `timeoutMs` milliseconds. */
  arrival(ticket: number, timeoutMs: number): Promise<boolean> {
    const keepAliveMs = this.#wrapper.isWaitOfOtherThread(ticket) ? timeoutMs : undefined
    return this.#waits.for(NUMBER.ticket(ticket), { timeoutMs, keepAliveMs })
  }

  /** Ends such a wait. */
  stopWaiting(ticket: number): void {
    this.#waits.notify(NUMBER.ticket(ticket))
  }

  /** Calls `left` when the last request has stopped waiting for a run, until `stop` is called. */
  listenToRun(run: number, left: () => void): { stop(): void } {
    return this.#waits.listen(NUMBER.run(run), left)
  }

  /** The stream of a body in flight. It errors with the reason of `signal` when that aborts. */
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

  /** The signal must not retain a stream that nobody else retains. */
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

  /** Closes a reader. Its number may be reused, so nothing is read with it afterwards. */
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
   * Writes a body to the addon. Resolves to the outcome, or to the error that it broke off with;
   * never rejects. The controller's signal breaks it off, and is aborted if no client needs the
   * rest. `own` is the reader of the run's own client, which is notified without a turn of the
   * event loop.
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

  /** Whether a body whose refresh has timed out continues for clients that read it. */
  timeOut(fill: number): boolean {
    return this.#wrapper.timeOut(fill, Date.now())
  }

  /** Breaks off a body that cannot be written. */
  breakOff(fill: number, error: unknown): void {
    this.#wrapper.breakOff(fill, inWords(error), Date.now())
  }

  #end(fill: number, hasBody: boolean): number | Error {
    const outcome = this.#wrapper.finish(fill, hasBody, Date.now())
    if (outcome !== native.WRONG_LENGTH) return outcome
    return new TypeError("the body is not as long as its Content-Length says")
  }

  /** Returns whether the body was read to its end. */
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
          // After a timeout without progress, the thread does not stay alive for readers.
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
    throw new CacheTypeError(
      "LAYERON_INVALID_RESPONSE",
      "the response of a wrapped handler must have a body of bytes",
    )
  }
  for (let start = 0; start === 0 || start < chunk.byteLength; start += PIECE_BYTES) {
    yield chunk.subarray(start, start + PIECE_BYTES)
  }
}
