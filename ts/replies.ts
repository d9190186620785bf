import type { CacheHandler } from "../index.js"
import { discard, takeReader } from "./body.js"
import { inWords } from "./errors.js"
import { failures } from "./failures.js"
import type { Fills } from "./fill.js"
import { harmlessly } from "./harmless.js"
import type { ResponseHead } from "./head.js"
import { invalidateRelated } from "./invalidation.js"
import * as native from "./native.js"
import { responseOf } from "./outgoing.js"
import { StoredResponse } from "./response.js"
import type { Surroundings } from "./wrap.js"
import type { Wrapping } from "./wrapping.js"
import { outcomeOf, type PutOutcome } from "./writer.js"

export interface Context<Rest extends unknown[]> extends Surroundings {
  readonly handler: CacheHandler<Rest>
  readonly wrapping: Wrapping
  readonly binding: native.BindingWrapper
  readonly fills: Fills
}

/** A run of the handler. */
export interface Run<Rest extends unknown[]> {
  readonly number: number
  readonly facts: native.BindingRun
  /** The client's request. */
  readonly request: Request
  readonly rest: Rest
  /** Whether nobody waits for the response. */
  readonly background: boolean
  /** Ends what the handler does for nobody. */
  readonly controller: AbortController
  /** Whether it has been decided what becomes of the response. */
  decided: boolean
  /** What becomes of the body. */
  written: Promise<PutOutcome> | undefined
}

/** A response of the handler, and what decides on storing it. */
export interface Handled {
  readonly response: Response
  readonly head: ResponseHead
  /** One a line. */
  readonly tags: string
  /** Whether the handler has stored it itself. */
  readonly stored: boolean
}

/** What becomes of the responses of a wrapped handler, and of its failures. */
export class Replies<Rest extends unknown[]> {
  readonly #context: Context<Rest>

  constructor(context: Context<Rest>) {
    this.#context = context
  }

  /** What the client gets, or `undefined` where the handler is to be run again. */
  respond(run: Run<Rest>, { response, head, tags, stored }: Handled): Response | undefined {
    const { binding, dialogue } = this.#context
    const { status, text, vary, expected } = head
    if (dialogue.isClosed) return this.#letGo(run, response)
    if (stored) {
      run.decided = true
      return responseOf(status, binding.storedByHandler(run.number, status, text), response.body)
    }
    const told = dialogue.toldForServe().with(["authorization", ...vary])
    const outcome = dialogue.ask<number>(run.request, told, "the request of a wrapped handler", (request) =>
      binding.respond(run.number, request, status, text, expected, tags, Date.now()),
    )
    run.decided = outcome !== native.AGAIN
    return this.#outcome(outcome, run, response)
  }

  /** The cache has been given up: the response goes to its client as it is. */
  #letGo(run: Run<Rest>, response: Response): Response {
    run.decided = true
    this.#context.binding.dropRun(run.number)
    return response
  }

  #outcome(outcome: number, run: Run<Rest>, response: Response): Response | undefined {
    const { binding, dialogue, tell } = this.#context
    if (outcome === native.FILL) return this.#fill(run, native.takeNumber(), response)
    if (outcome === native.KNOWN) {
      const known = new StoredResponse(native.takeAnswer(dialogue.binding))
      this.#write(run, binding.fillOf(), response)
      return known
    }
    if (outcome >= 0 || outcome === native.AGAIN) {
      discard(takeReader(response))
      return outcome >= 0 ? new StoredResponse(native.takeAnswer(dialogue.binding)) : undefined
    }
    const head = binding.takeText()
    if (outcome === native.PASS_FAILED) {
      discard(takeReader(response))
      throw new Error(`the handler answered ${response.status}`)
    }
    if (outcome === native.PASS_CHANGED) invalidateRelated(dialogue, run.request, response)
    const reason = native.refusal(outcome)
    if (reason !== undefined) tell("put", run.request, { outcome: "refused", reason })
    return responseOf(response.status, head, response.body)
  }

  #fill(run: Run<Rest>, fill: number, response: Response): Response {
    const { binding, fills } = this.#context
    const head = binding.takeText()
    const reader = response.body === null || run.background ? undefined : binding.readFill(fill)
    this.#write(run, fill, response, reader ?? undefined)
    return responseOf(response.status, head, reader == null ? null : fills.stream(reader))
  }

  #write(run: Run<Rest>, fill: number, response: Response, own?: number): void {
    const { fills, tell } = this.#context
    const written = fills.write(fill, takeReader(response), run.controller, own).then((ended) => {
      const put = putOutcome(ended)
      const { error: _, ...told } = put
      if (put.outcome !== "bypass") tell("put", run.request, told)
      return put
    })
    run.written = written
    if (!run.background) this.prolong(written)
  }

  /** What the client gets although the handler has failed. Throws what it has thrown where that is nothing. */
  despite(run: Run<Rest>, error: unknown): Response {
    const { binding, dialogue } = this.#context
    if (run.decided) throw error
    if (run.facts.uncached || dialogue.isClosed) {
      binding.dropRun(run.number)
      throw error
    }
    const told = dialogue.toldForServe()
    const outcome = dialogue.ask<number>(run.request, told, "the request of a wrapped handler", (request) =>
      binding.fail(run.number, request, inWords(error), Date.now()),
    )
    if (outcome >= 0) return new StoredResponse(native.takeAnswer(dialogue.binding))
    if (outcome === native.FAILED) failures.note(native.takeNumber(), error)
    throw error
  }

  /** Somebody who cannot wait is no reason not to go on. */
  prolong(work: Promise<unknown>): void {
    harmlessly(
      () => this.#context.wrapping.waitUntil?.(work),
      (error) => {
        process.emitWarning(`wrap() options.waitUntil has thrown: ${inWords(error)}`, {
          code: "LAYERON_WAIT_UNTIL",
        })
      },
    )
  }
}

function putOutcome(ended: number | Error): PutOutcome {
  if (ended instanceof Error) return { outcome: "error", reason: inWords(ended), error: ended }
  if (ended === native.PAST) return { outcome: "bypass" }
  return outcomeOf(ended)
}
