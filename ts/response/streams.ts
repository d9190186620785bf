import { ReadableStream } from "node:stream/web"
import type { Chunks } from "../native/chunks.js"

/** The stream of a buffered body. The platform's own way, a response, takes half as long again. */
export function streamOf(bytes: Uint8Array | undefined): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      if (bytes !== undefined && bytes.byteLength > 0) controller.enqueue(bytes)
      controller.close()
    },
  })
}

/** The stream of a body in pieces. Each is copied when a reader asks for it. */
export function streamOfChunks(chunks: Chunks): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: "bytes",
    pull(controller) {
      const chunk = chunks.next()
      if (chunk !== undefined) return controller.enqueue(chunk)
      controller.close()
      // A reader with its own buffer learns of the end only this way (Streams standard, section
      // 4.7.3).
      controller.byobRequest?.respond(0)
    },
    cancel: () => chunks.end(),
  })
}
