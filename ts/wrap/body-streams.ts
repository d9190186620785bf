import { isSharedArrayBuffer } from "node:util/types"
import { inWords, isError, messageOf } from "../errors.js"
import { copyBody, discard, piecesOf, type Reader } from "../http/body.js"
import type * as native from "../native/addon.js"
import {
  bodyResult,
  type Progress,
  progressOf,
  readBody,
  type StoreResult,
} from "../native/results.js"
import { deliverNotifications, waitFor } from "../native/wait.js"
import { BackgroundTimer } from "../timers.js"

/** Milliseconds for which a body waits for a reader that blocks the others. */
const SLOW_READER_MS = 30_000

const RESPONSE = "the response of a wrapped handler"

/** A reader of a body, by its number in the addon. */
export interface StreamReader {
  readonly number: number
  /** Whether the number may have been reused. */
  isDone: boolean
  /** The stream, while it waits for a chunk. */
  waiting: ReadableStreamDefaultController<Uint8Array> | undefined
  /** Stops listening to the client's signal. */
  forget(): void
}

const NOBODY = new Error("nobody reads the body")

/**
 * Body streams of a wrapped handler: written to the addon by this thread, read by this and other
 * threads.
 */
export class BodyStreams {
  readonly #wrapper: native.BindingWrapper
  readonly #timeoutMs: number
  /** Closes the readers of streams that were collected. */
  readonly #unread: FinalizationRegistry<StreamReader>

  /**
   * @param timeoutMs milliseconds without progress after which a body is no longer stored or joined
   */
  constructor(wrapper: native.BindingWrapper, timeoutMs: number) {
    this.#wrapper = wrapper
    this.#timeoutMs = timeoutMs
    this.#unread = new FinalizationRegistry((reader) => this.#finish(reader))
  }

  /** A reader that the addon has opened. */
  reader(number: number): StreamReader {
    return { number, isDone: false, waiting: undefined, forget: () => {} }
  }

  /** The stream of a body in flight. It errors with the reason of `signal` when that aborts. */
  stream(reader: StreamReader, signal: AbortSignal | undefined): ReadableStream<Uint8Array> {
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
  }

  async #pull(
    reader: StreamReader,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ): Promise<void> {
    while (!reader.isDone) {
      const read = readBody(this.#wrapper, reader.number)
      deliverNotifications()
      if (read.kind === "bytes") return controller.enqueue(read.bytes)
      if (read.kind === "pending") {
        const isRemote = this.#wrapper.isReaderOfOtherThread(reader.number)
        reader.waiting = controller
        await waitFor(this.#wrapper.readerChange(reader.number), {
          keepAliveMs: isRemote ? this.#timeoutMs : undefined,
        })
        // The writer has passed a chunk to the stream.
        if (reader.waiting === undefined) return
        reader.waiting = undefined
        continue
      }
      this.#finish(reader)
      const { error } = read
      return error === undefined ? controller.close() : controller.error(new TypeError(error))
    }
  }

  /**
   * Writes a body to the addon. Resolves to the outcome, or to the error that it broke off with;
   * never rejects. The controller's signal breaks it off, and is aborted if no client needs the
   * rest. `own` is the reader of the run's own client: it receives each chunk without a copy if it
   * waits for one.
   */
  async write(
    writer: number,
    reader: Reader | null,
    controller: AbortController,
    own: StreamReader | undefined,
  ): Promise<StoreResult | Error> {
    const { signal } = controller
    const cancel = () => discard(reader, signal.reason)
    signal.addEventListener("abort", cancel)
    const stopIfUnread = (outcome: number) => {
      if (progressOf(outcome) === "stop") controller.abort(NOBODY)
    }
    const readers = new ReaderChanges(this.#wrapper, writer, () =>
      stopIfUnread(this.#wrapper.progress(writer)),
    )
    const stall = new BackgroundTimer(
      () => stopIfUnread(this.#wrapper.stall(writer)),
      this.#timeoutMs,
    )
    try {
      const append = (chunk: Uint8Array) => {
        stall.refresh()
        return this.#append(writer, readers, chunk, own)
      }
      const isWhole = reader === null || (await copyBody(reader, append, RESPONSE))
      signal.throwIfAborted()
      if (isWhole) return this.#end(writer, reader !== null)
      throw NOBODY
    } catch (error) {
      const why = isError(error) ? error : new Error(inWords(error))
      this.#wrapper.breakOff(writer, messageOf(why), Date.now())
      controller.abort(why)
      return why === NOBODY ? { outcome: "bypass" } : why
    } finally {
      deliverNotifications()
      stall.stop()
      readers.stop()
      this.#notify(own)
      signal.removeEventListener("abort", cancel)
      discard(reader)
    }
  }

  /** Whether a body whose refresh has timed out continues for clients that read it. */
  timeOut(writer: number): boolean {
    return this.#wrapper.timeOut(writer, Date.now())
  }

  /** Breaks off a body that cannot be written. */
  breakOff(writer: number, error: unknown): void {
    this.#wrapper.breakOff(writer, inWords(error), Date.now())
  }

  #end(writer: number, hasBody: boolean): StoreResult | Error {
    const result = bodyResult(this.#wrapper.finish(writer, hasBody, Date.now()))
    if (result !== "wrong-length") return result
    return new TypeError("the body is not as long as its Content-Length says")
  }

  /**
   * Appends a chunk, and waits for the readers where the addon says so. Resolves to whether to go
   * on: not if no client needs the rest.
   */
  async #append(
    writer: number,
    readers: ReaderChanges,
    chunk: Uint8Array,
    own: StreamReader | undefined,
  ): Promise<boolean> {
    let next: Progress = "go"
    let pieces = 0
    for (const piece of piecesOf(chunk)) {
      if (next === "wait-for-readers") next = await this.#waitForReaders(writer, readers, own)
      if (next === "stop") return false
      next = progressOf(this.#wrapper.append(writer, piece, Date.now()))
      if (next === "wrong-length")
        throw new TypeError("the body is longer than its Content-Length says")
      pieces += 1
    }
    deliverNotifications()
    const isPassedOn = own !== undefined && this.#passOn(chunk, pieces, own)
    if (isPassedOn && next === "wait-for-readers") next = progressOf(this.#wrapper.progress(writer))
    this.#notify(own)
    if (next === "wait-for-readers") next = await this.#waitForReaders(writer, readers, own)
    return next !== "stop"
  }

  /**
   * Passes an appended chunk to the run's own client, which saves reading it from the addon. The
   * client must wait for exactly this chunk. It may transfer or change what it receives, so the
   * chunk must have its memory to itself. Returns whether the client received it.
   */
  #passOn(chunk: Uint8Array, pieces: number, own: StreamReader): boolean {
    const stream = own.isDone ? undefined : own.waiting
    const { buffer, byteLength } = chunk
    if (stream === undefined || byteLength === 0 || byteLength !== buffer.byteLength) return false
    if (isSharedArrayBuffer(buffer) || !this.#wrapper.skip(own.number, pieces)) return false
    own.waiting = undefined
    stream.enqueue(new Uint8Array(buffer))
    return true
  }

  /** Notifies the run's own client without a turn of the event loop. */
  #notify(own: StreamReader | undefined): void {
    if (own !== undefined && !own.isDone) this.#wrapper.wakeReader(own.number)
  }

  /** Waits for readers of a body, and drops slow ones. Resolves to what the writer does next. */
  async #waitForReaders(
    writer: number,
    readers: ReaderChanges,
    own: StreamReader | undefined,
  ): Promise<Progress> {
    deliverNotifications()
    this.#notify(own)
    let next: Progress = "wait-for-readers"
    let isMoving = true
    while (next === "wait-for-readers") {
      isMoving = await this.#waitForChange(writer, readers, isMoving)
      if (!isMoving) this.#wrapper.dropSlowestReaders(writer)
      next = progressOf(this.#wrapper.progress(writer))
    }
    return next
  }

  /**
   * Resolves to whether a reader has changed in time. After a timeout without progress, the thread
   * does not stay alive for readers of other threads.
   */
  async #waitForChange(
    writer: number,
    readers: ReaderChanges,
    isMoving: boolean,
  ): Promise<boolean> {
    const isAwaited = isMoving && this.#wrapper.isBodyReadByOtherThread(writer)
    const keepAliveMs = isAwaited ? SLOW_READER_MS : undefined
    const wait = { timeoutMs: SLOW_READER_MS, keepAliveMs }
    return (await waitFor(readers.next, wait)) !== undefined
  }
}

/** Follows the changes of the readers of a body. */
class ReaderChanges {
  readonly #wrapper: native.BindingWrapper
  readonly #writer: number
  readonly #changed: () => void
  #isStopped = false
  /** Resolves at the next change. */
  next: Promise<void>

  /** @param changed called at each change */
  constructor(wrapper: native.BindingWrapper, writer: number, changed: () => void) {
    this.#wrapper = wrapper
    this.#writer = writer
    this.#changed = changed
    this.next = this.#follow()
  }

  /** Calls for no more changes. The number of a writer that has ended may be reused. */
  stop(): void {
    this.#isStopped = true
  }

  #follow(): Promise<void> {
    const change = this.#wrapper.writerChange(this.#writer)
    void change.then(() => {
      if (this.#isStopped) return
      this.next = this.#follow()
      this.#changed()
    })
    return change
  }
}
