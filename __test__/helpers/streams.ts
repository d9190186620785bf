export interface WatchedBody {
  readonly stream: ReadableStream<Uint8Array>
  /** Chunks asked for so far. */
  pulls(): number
  cancelled(): boolean
}

/**
 * A body without end, in chunks of `chunkBytes`. It fails where a reader takes it for one with an
 * end.
 */
export function endless(chunkBytes: number): WatchedBody {
  let pulls = 0
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulls += 1
      if (pulls > 1_000) controller.error(new Error("read without end"))
      else controller.enqueue(new Uint8Array(chunkBytes))
    },
    cancel() {
      cancelled = true
    },
  })
  return { stream, pulls: () => pulls, cancelled: () => cancelled }
}

/** A body of these chunks, given at once, that fails at its end where an error is given. */
export function chunked(chunks: readonly string[], error?: Error): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const left = [...chunks]
  return new ReadableStream({
    pull(controller) {
      const chunk = left.shift()
      if (chunk !== undefined) controller.enqueue(encoder.encode(chunk))
      else if (error !== undefined) controller.error(error)
      else controller.close()
    },
  })
}

/** A body whose chunks come when the test says so. */
export function handFed(): {
  stream: ReadableStream<Uint8Array>
  give(text: string): void
  end(): void
} {
  let feed!: ReadableStreamDefaultController<Uint8Array>
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller
    },
  })
  const encoder = new TextEncoder()
  return { stream, give: (text) => feed.enqueue(encoder.encode(text)), end: () => feed.close() }
}

/** Lets everything run that is ready to. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
