export interface ObservedStream {
  readonly stream: ReadableStream<Uint8Array>
  /** Number of chunks that the reader has requested. */
  pulls(): number
  cancelled(): boolean
}

/** Creates a body of endless chunks of `chunkBytes`, which fails after 1,000 of them. */
export function endlessStream(chunkBytes: number): ObservedStream {
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

/** Creates a body of these chunks, which are ready at once; it ends with `error`, if given. */
export function streamOf(chunks: readonly string[], error?: Error): ReadableStream<Uint8Array> {
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

/** Creates a body that the test writes and ends. */
export function controlledStream(): {
  stream: ReadableStream<Uint8Array>
  enqueue(text: string): void
  end(): void
} {
  let feed!: ReadableStreamDefaultController<Uint8Array>
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      feed = controller
    },
  })
  const encoder = new TextEncoder()
  return { stream, enqueue: (text) => feed.enqueue(encoder.encode(text)), end: () => feed.close() }
}

/** Waits for one turn of the event loop. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
