import { Readable } from "node:stream"
import { isUint8Array } from "node:util/types"
import { CacheTypeError, shown } from "../errors.js"
import { harmlessly } from "../harmless.js"

/** The body exceeds the bytes that there is room for. */
export const TOO_LARGE = Symbol("too large")

/** The budget of bodies in flight has no room for the body. */
export const NO_ROOM = Symbol("no room")

/** Statuses whose responses have no body (Fetch standard, section "Statuses"). */
export const NO_BODY: readonly number[] = [101, 103, 204, 205, 304]

/** The part of a stream's reader that reads a body. */
export interface Reader {
  read(): ReturnType<ReadableStreamDefaultReader<Uint8Array>["read"]>
  cancel(reason?: unknown): unknown
  /** Lets another reader take the body, of which nothing has been read. */
  releaseLock(): void
}

/** Streams of Node whose reader has been taken. Node reports it only once something was read. */
const taken = new WeakSet<Readable>()

/** A stream of the platform, or one of Node in a response of another library. */
type Body = ReadableStream<Uint8Array> | Readable

/**
 * Checks that the body of a response can be read: a `ReadableStream`, a `Readable` of Node, or
 * none, and not used.
 */
export function assertUnused(response: Response, path: string): void {
  const body = bodyOf(response, path)
  if (response.bodyUsed || (body !== null && isTaken(body))) {
    throw new CacheTypeError(
      "LAYERON_INVALID_RESPONSE",
      `${path} must have an unused body; clone a response that is also returned`,
    )
  }
}

/** Takes the body of a response, so that no other reader can, or `null` if it has none. */
export function takeReader(response: Response): Reader | null {
  const body = bodyOf(response, "the response")
  if (body === null) return null
  const reader: unknown = isStream(body) ? body.getReader() : nodeReader(body)
  if (!isReader(reader)) {
    throw new CacheTypeError(
      "LAYERON_INVALID_RESPONSE",
      `the reader of a body must have read(), got ${shown(reader)}`,
    )
  }
  if (!NO_BODY.includes(response.status)) return reader
  // Other libraries give such responses an empty stream.
  discard(reader)
  return null
}

function isReader(reader: unknown): reader is Reader {
  return typeof (reader as Partial<Reader> | null | undefined)?.read === "function"
}

function bodyOf(response: Response, path: string): Body | null {
  const body: unknown = response.body ?? null
  if (body === null || isStream(body) || body instanceof Readable) return body
  throw new CacheTypeError(
    "LAYERON_INVALID_RESPONSE",
    `${path} must have a ReadableStream or a Readable of Node as its body, got ${shown(body)}`,
  )
}

function isTaken(body: Body): boolean {
  return isStream(body) ? body.locked : taken.has(body) || Readable.isDisturbed(body)
}

function isStream(body: unknown): body is ReadableStream<Uint8Array> {
  return typeof (body as Partial<ReadableStream> | null)?.getReader === "function"
}

function nodeReader(body: Readable): Reader {
  taken.add(body)
  const chunks = body[Symbol.asyncIterator]()
  return {
    // The result of an ended iterator is also that of a reader.
    read: () => chunks.next() as ReturnType<Reader["read"]>,
    cancel: () => body.destroy(),
    releaseLock: () => void taken.delete(body),
  }
}

/** Cancels the rest of a body. Errors of its source are ignored. */
export function discard(reader: Reader | null, reason?: unknown): void {
  harmlessly(
    () => reader?.cancel(reason),
    () => {},
  )
}

/** Bounds of a body that is buffered. */
export interface Bounds {
  /** Bytes that there is room for. */
  readonly room: number
  /** Length by `Content-Length`. */
  readonly expected: number | undefined
  /**
   * Counts bytes that are buffered while more are awaited. Returns whether the budget has room for
   * them.
   */
  receive(bytes: number): boolean
}

/**
 * The whole body, `null` if there is none, {@link TOO_LARGE} as soon as it exceeds `room`, or
 * {@link NO_ROOM} if the budget has none. Rejects if it is not `expected` bytes long, and with the
 * body's own error if it fails.
 */
export async function readAll(
  reader: Reader | null,
  { room, expected, receive }: Bounds,
  path: string,
): Promise<Uint8Array | null | typeof TOO_LARGE | typeof NO_ROOM> {
  if (expected !== undefined && expected > room) {
    discard(reader)
    return TOO_LARGE
  }
  const most = Math.min(room, expected ?? room)
  const chunks: Uint8Array[] = []
  let length = 0
  for (
    let read = await reader?.read();
    reader !== null && !read?.done;
    read = await reader.read()
  ) {
    const value = read?.value
    if (!isUint8Array(value))
      throw new CacheTypeError("LAYERON_INVALID_RESPONSE", `${path} must have a body of bytes`)
    chunks.push(value)
    length += value.byteLength
    if (length > most) break
    // A body of one chunk is in memory already.
    if (chunks.length > 1 && !receive(chunks.length === 2 ? length : value.byteLength))
      return NO_ROOM
  }
  if (expected !== undefined && length !== expected) throw wrongLength(path, expected)
  if (length > room) return TOO_LARGE
  return reader === null ? null : joined(chunks, length)
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, length)
}

function wrongLength(path: string, expected: number): TypeError {
  return new CacheTypeError(
    "LAYERON_INVALID_RESPONSE",
    `${path} must have a body of the ${expected} bytes that its Content-Length says`,
  )
}
