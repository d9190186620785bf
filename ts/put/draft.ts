import { CacheTypeError } from "../errors.js"
import { piecesOf } from "../http/body.js"
import * as native from "../native/addon.js"
import { type BodyResult, bodyResult } from "../native/results.js"

const EMPTY = new Uint8Array(0)

/**
 * A response that the addon has decided to store, waiting for its body. Its number is reused once
 * it is stored or released.
 */
export class Draft {
  readonly #binding: native.BindingCache
  readonly #number: number
  /** Bytes of the largest body that can be stored. */
  readonly #maxBodyBytes: number
  #isHeld = true
  /** The first chunk, until a second one comes: nearly every body has only one. */
  #first: Uint8Array | undefined
  #isAppended = false
  #outcome = native.STORED

  /** @param maxBodyBytes bytes of the largest body that can be stored */
  constructor(binding: native.BindingCache, number: number, maxBodyBytes: number) {
    this.#binding = binding
    this.#number = number
    this.#maxBodyBytes = maxBodyBytes
  }

  /** Appends a chunk to the body. Returns whether the draft takes more. */
  append(chunk: Uint8Array): boolean {
    const first = this.#first
    if (first === undefined && !this.#isAppended && chunk.byteLength <= this.#maxBodyBytes) {
      this.#first = chunk
      return true
    }
    this.#first = undefined
    this.#isAppended = true
    return (first === undefined || this.#append(first)) && this.#append(chunk)
  }

  #append(chunk: Uint8Array): boolean {
    for (const piece of piecesOf(chunk)) {
      const outcome = this.#binding.append(this.#number, piece)
      if (outcome === native.GO) continue
      this.#isHeld = false
      this.#outcome = outcome
      return false
    }
    return true
  }

  /**
   * Stores the response with what was appended, and returns the outcome. Returns why `append`
   * stopped, if it did. `hasBody` tells an empty body from none.
   */
  store(hasBody: boolean): BodyResult {
    if (!this.#isHeld) return bodyResult(this.#outcome)
    this.#isHeld = false
    const last = this.#first ?? (hasBody && !this.#isAppended ? EMPTY : null)
    return bodyResult(this.#binding.put(this.#number, last))
  }

  /** Releases the draft, unless it is stored or was refused. */
  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#binding.abandon(this.#number)
  }
}

/** The error of a body whose length is not its `Content-Length`. */
export function wrongLength(path: string, contentLength: number | undefined): TypeError {
  return new CacheTypeError(
    "LAYERON_INVALID_RESPONSE",
    `${path} must have a body of the ${contentLength} bytes that its Content-Length says`,
  )
}
