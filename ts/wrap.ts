import type { CacheHandler, CacheWrapOptions } from "../index.js"
import type { Dialogue } from "./dialogue.js"
import { invalid } from "./errors.js"
import type { EventDetail } from "./events.js"
import { failures } from "./failures.js"
import { Fills } from "./fill.js"
import type { Misses } from "./misses.js"
import * as native from "./native.js"
import { responseOf } from "./outgoing.js"
import { isRequest } from "./request.js"
import { bindingRequestOptions } from "./request-options.js"
import { StoredResponse } from "./response.js"
import { Runs } from "./runs.js"
import { Waits } from "./waits.js"
import { readHandler, readWrapping, type Wrapping } from "./wrapping.js"

/** What a wrapped handler needs of the instance. */
export interface Surroundings {
  readonly dialogue: Dialogue
  readonly misses: Misses
  /** Tells whoever listens. */
  readonly tell: (operation: "match" | "put" | "refresh", request: Request, detail: EventDetail) => void
}

const REQUEST = "the request of a wrapped handler"

const NO_BODY = [101, 103, 204, 205, 304]

export function wrap<Rest extends unknown[]>(
  surroundings: Surroundings,
  handler: CacheHandler<Rest>,
  options?: CacheWrapOptions,
): (request: Request, ...rest: Rest) => Promise<Response> {
  readHandler("wrap() handler", handler)
  const wrapper = new Wrapper(surroundings, handler, readWrapping("wrap() options", options))
  return (request, ...rest) => wrapper.fetch(request, rest)
}

/** Decides on each request what answers it: the store, a run of the handler, or the run of another. */
class Wrapper<Rest extends unknown[]> {
  readonly #surroundings: Surroundings
  readonly #dialogue: Dialogue
  readonly #handler: CacheHandler<Rest>
  readonly #patience: number
  readonly #binding: native.BindingWrapper
  readonly #fills: Fills
  readonly #runs: Runs<Rest>

  constructor(surroundings: Surroundings, handler: CacheHandler<Rest>, wrapping: Wrapping) {
    const { dialogue } = surroundings
    dialogue.assertOpen()
    this.#surroundings = surroundings
    this.#dialogue = dialogue
    this.#handler = handler
    this.#patience = wrapping.refreshTimeoutMs
    const waits = new Waits()
    this.#binding = native.openWrapper(dialogue.binding, bindingWrapping(wrapping), waits.ring)
    this.#fills = new Fills(this.#binding, waits)
    this.#runs = new Runs({ ...surroundings, handler, wrapping, binding: this.#binding, fills: this.#fills })
  }

  async fetch(request: Request, rest: Rest): Promise<Response> {
    if (!isRequest(request))
      throw invalid("LAYERON_INVALID_REQUEST", "the request of a wrapped handler must be a Request")
    for (let again = false; ; again = true) {
      // A cache that has been given up is no reason to answer nobody.
      if (this.#dialogue.isClosed) return this.#handler(request, ...rest)
      const served = await this.#serve(request, rest, again)
      if (served !== undefined) return served
    }
  }

  /** The response, or `undefined` where the request is to be served anew. */
  async #serve(request: Request, rest: Rest, again: boolean): Promise<Response | undefined> {
    const now = Date.now()
    const call = (text: string) => native.serve(this.#binding, text, again, now)
    let outcome = this.#ask(request, call)
    for (let attempt = 1; outcome === native.WANTS_DISK; attempt++) {
      const asked = await this.#dialogue.loaded(attempt)
      if (this.#dialogue.isClosed) return undefined
      outcome = this.#ask(request, call, asked)
    }
    const tell = again ? () => {} : (detail: EventDetail) => this.#surroundings.tell("match", request, detail)
    if (outcome >= 0) return this.#answer(request, rest, tell)
    const number = native.takeNumber()
    switch (outcome) {
      case native.RUN:
        return this.#runs.run(number, request, rest, tell)
      case native.WAIT:
        tell({ outcome: "miss", reason: "collapsed" })
        return this.#wait(number, request)
      case native.INSTEAD: {
        // Whoever is told may make calls of its own, so what this one has left is taken first.
        const answer = native.takeAnswer(this.#dialogue.binding)
        tell({ outcome: "miss", reason: "failed" })
        return new StoredResponse(answer)
      }
      case native.FAILED: {
        const text = this.#binding.takeText()
        tell({ outcome: "miss", reason: "failed" })
        throw failures.thrown(number, text)
      }
      default: {
        const text = this.#binding.takeText()
        tell({ outcome: "miss", reason: "only-if-cached" })
        return responseOf(504, `Gateway Timeout\ncache-status:${text}\n`, null)
      }
    }
  }

  #answer(request: Request, rest: Rest, tell: (detail: EventDetail) => void): Response {
    const isToRefresh = native.isToRefresh()
    const answer = native.takeAnswer(this.#dialogue.binding)
    if (isToRefresh) this.#runs.refresh(this.#binding.refreshOf(), request, rest)
    tell({ outcome: answer.stale ? "stale" : "hit" })
    return new StoredResponse(answer)
  }

  /** Waits for the run of another, but no longer than a run may take. */
  async #wait(ticket: number, request: Request): Promise<Response | undefined> {
    const until = Date.now() + this.#patience
    while (!this.#dialogue.isClosed) {
      const outcome = this.#ask(request, (text) => this.#binding.arrive(ticket, text, Date.now()))
      if (outcome !== native.PENDING) return this.#arrived(outcome)
      if (!(await this.#fills.arrival(ticket, Math.max(until - Date.now(), 0)))) break
    }
    this.#binding.dropTicket(ticket)
    return undefined
  }

  #arrived(outcome: number): Response | undefined {
    if (outcome >= 0) return new StoredResponse(native.takeAnswer(this.#dialogue.binding))
    if (outcome === native.AGAIN) return undefined
    const number = native.takeNumber()
    const text = this.#binding.takeText()
    if (outcome === native.FAILED) throw failures.thrown(number, text)
    return responseOf(number, text, this.#body(number, this.#binding.readerOf()))
  }

  /** Some statuses have no body, be it an empty one. */
  #body(status: number, reader: number): ReadableStream<Uint8Array> | null {
    if (!NO_BODY.includes(status)) return this.#fills.stream(reader)
    this.#binding.dropReader(reader)
    return null
  }

  #ask(request: Request, call: (text: string) => number, asked = false): number {
    return this.#dialogue.ask<number>(request, this.#dialogue.toldForServe(), REQUEST, call, asked)
  }
}

function bindingWrapping(wrapping: Wrapping): native.BindingWrapping {
  const { vary, ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds, refreshTimeoutMs } = wrapping
  return {
    vary,
    ttlSeconds,
    staleWhileRevalidateSeconds,
    staleIfErrorSeconds,
    patience: refreshTimeoutMs,
    ...bindingRequestOptions(wrapping),
  }
}
