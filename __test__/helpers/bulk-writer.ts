import { once } from "node:events"
import type { Socket } from "node:net"

/** More than the buffers of two connections hold on any system. */
export const BULK_BYTES = 64 * 1024 * 1024

const CHUNK = Buffer.alloc(65_536, "bulk ")
const STALL_MS = 100

/** Writes {@link BULK_BYTES} to a connection as fast as the peer reads them. */
export class BulkWriter {
  /** Resolves when all is written. */
  readonly done: Promise<void>
  readonly #socket: Socket
  #left = BULK_BYTES

  constructor(socket: Socket) {
    this.#socket = socket
    this.done = this.#write()
  }

  /** Resolves to the bytes left, once the peer reads no more or all are written. */
  async stalled(): Promise<number> {
    for (let before = -1; before !== this.#left && this.#left > 0; ) {
      before = this.#left
      const pause = new Promise((resolve) => setTimeout(resolve, STALL_MS))
      await Promise.race([pause, this.done])
    }
    return this.#left
  }

  async #write(): Promise<void> {
    for (; this.#left > 0; this.#left -= CHUNK.length) {
      if (!this.#socket.write(CHUNK)) await once(this.#socket, "drain")
    }
  }
}
