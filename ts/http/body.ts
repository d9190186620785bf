import { Readable } from "node:stream"
import { isUint8Array } from "node:util/types"
import { CacheTypeError, shown } from "../errors.js"
import { harmlessly } from "../harmless.js"

/** Bytes appended at a time, so that a large chunk is not held twice. */
const PIECE_BYTES = 64 * 1024

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
 * none, and not used. `isUsed` is its `bodyUsed`, which costs as much as all other members.
 */
export function assertUnused(response: Response, path: string, isUsed = response.bodyUsed): void {
  const body = bodyOf(response, path)
  if (isUsed || (body !== null && isTaken(body))) {
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

/** Takes the chunks of a body. Returns whether it takes more. */
export type Append = (chunk: Uint8Array) => boolean | Promise<boolean>

/**
 * Appends all chunks of a body, one after the other. Resolves to whether it was read to its end:
 * `append` may have stopped it. Rejects with the errors of the body and of `append`.
 */
export async function copyBody(reader: Reader, append: Append, path: string): Promise<boolean> {
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    const chunk: unknown = read.value
    if (!isUint8Array(chunk))
      throw new CacheTypeError("LAYERON_INVALID_RESPONSE", `${path} must have a body of bytes`)
    const goesOn = append(chunk)
    if (goesOn !== true && !(await goesOn)) return false
  }
  return true
}

/** A chunk in pieces of at most 64 KiB; an empty chunk as one empty piece. */
export function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start === 0 || start < chunk.byteLength; start += PIECE_BYTES) {
    yield chunk.subarray(start, start + PIECE_BYTES)
  }
}
