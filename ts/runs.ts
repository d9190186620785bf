import type { CacheHandler } from "../index.js"
import { assertUnused, discard, takeReader } from "./body.js"
import { failure, inWords } from "./errors.js"
import type { EventDetail } from "./events.js"
import { failures } from "./failures.js"
import type { Fills } from "./fill.js"
import { handlerRequest } from "./handler-request.js"
import { type ResponseHead, readHead } from "./head.js"
import { invalidateRelated } from "./invalidation.js"
import type { HandlerRun } from "./misses.js"
import * as native from "./native.js"
import { responseOf } from "./outgoing.js"
import { StoredResponse } from "./response.js"
import type { Surroundings } from "./wrap.js"
import { tagsOf, type Wrapping } from "./wrapping.js"
import { outcomeOf, type PutOutcome } from "./writer.js"

interface Context<Rest extends unknown[]> extends Surroundings {
  readonly handler: CacheHandler<Rest>
  readonly wrapping: Wrapping
  readonly binding: native.BindingWrapper
  readonly fills: Fills
}

/** A run of the handler. */
interface Run<Rest extends unknown[]> {
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
interface Handled {
  readonly response: Response
  readonly head: ResponseHead
  /** One a line. */
  readonly tags: string
  /** Whether the handler has stored it itself. */
  readonly stored: boolean
}

const RESPONSE = "the response of a wrapped handler"

/** Runs of a wrapped handler, and what becomes of their responses. */
export class Runs<Rest extends unknown[]> {
  readonly #context: Context<Rest>

  constructor(context: Context<Rest>) {
    this.#context = context
  }

  /** Runs the handler for a client. Resolves to what the client gets. */
  async run(
    number: number,
    request: Request,
    rest: Rest,
    tell: (detail: EventDetail) => void,
  ): Promise<Response> {
    const run = this.#begin(number, request, rest, false)
    const { uncached, why } = run.facts
    // What makes a rule have a request skip the cache is told already.
    const reason = why === "bypass" ? {} : { reason: why }
    tell({ outcome: uncached ? "bypass" : "miss", ...reason })
    return this.#attempt(run)
  }

  /** Runs the handler in the background, within the time for that. */
  refresh(number: number, request: Request, rest: Rest): void {
    this.#prolong(this.#refresh(this.#begin(number, asGet(request), rest, true)))
  }

  /** Somebody who cannot wait is no reason not to go on. */
  #prolong(work: Promise<unknown>): void {
    try {
      this.#context.wrapping.waitUntil?.(work)
    } catch (error) {
      process.emitWarning(`wrap() options.waitUntil has thrown: ${inWords(error)}`, {
        code: "LAYERON_WAIT_UNTIL",
      })
    }
  }

  #begin(number: number, request: Request, rest: Rest, background: boolean): Run<Rest> {
    const facts = this.#context.binding.run(number)
    const controller = new AbortController()
    return { number, facts, request, rest, background, controller, decided: false, written: undefined }
  }

  /** Never rejects. */
  async #refresh(run: Run<Rest>): Promise<void> {
    const { wrapping, tell } = this.#context
    const late = failure("LAYERON_REFRESH_TIMEOUT", `it took longer than ${wrapping.refreshTimeoutMs} ms`)
    const timer = setTimeout(() => run.controller.abort(late), wrapping.refreshTimeoutMs)
    timer.unref?.()
    const reason = await this.#refreshed(run).then(() => undefined, inWords)
    clearTimeout(timer)
    tell(
      "refresh",
      run.request,
      reason === undefined ? { outcome: "refreshed" } : { outcome: "failed", reason },
    )
  }

  /** Rejects where the refresh has failed. */
  async #refreshed(run: Run<Rest>): Promise<void> {
    discard(takeReader(await this.#attempt(run)))
    const written = await run.written
    if (written?.outcome === "error") throw written.error
  }

  /** Runs the handler, and once more where it says of the stored response what does not fit it. */
  async #attempt(run: Run<Rest>): Promise<Response> {
    try {
      for (;;) {
        const answered = this.#respond(run, await this.#handledInTime(run))
        if (answered !== undefined) return answered
      }
    } catch (error) {
      return this.#despite(run, error)
    }
  }

  async #handledInTime(run: Run<Rest>): Promise<Handled> {
    const asked = this.#requestOf(run)
    const handled = this.#handled(run, asked)
    return run.background ? inTime(handled, run.controller.signal) : handled
  }

  /** Throws where the client's request can no longer be asked, which is nobody else's failure. */
  #requestOf(run: Run<Rest>): Request {
    const { binding } = this.#context
    try {
      return requestOf(run, binding.run(run.number))
    } catch (error) {
      run.decided = true
      binding.dropRun(run.number)
      throw error
    }
  }

  async #handled(run: Run<Rest>, asked: Request): Promise<Handled> {
    const { misses, handler } = this.#context
    if (run.facts.uncached) return this.#read(run, asked, await handler(asked, ...run.rest), undefined)
    const own = misses.begin(asked, run.facts.since)
    try {
      return await this.#read(run, asked, await handler(asked, ...run.rest), own)
    } finally {
      misses.end(asked)
    }
  }

  /** Reads of the handler's response what decides on storing it. */
  async #read(
    run: Run<Rest>,
    asked: Request,
    response: Response,
    own: HandlerRun | undefined,
  ): Promise<Handled> {
    const head = readHead(response, run.request.method, RESPONSE)
    assertUnused(response, RESPONSE)
    const stored = own?.stored === true
    if (own === undefined || stored) return { response, head, tags: "", stored }
    try {
      return { response, head, tags: await tagsOf(this.#context.wrapping.tags, asked, response), stored }
    } catch (error) {
      if (response.body?.locked === false) discard(takeReader(response))
      throw error
    }
  }

  /** What the client gets, or `undefined` where the handler is to be run again. */
  #respond(run: Run<Rest>, { response, head, tags, stored }: Handled): Response | undefined {
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
    if (!run.background) this.#prolong(written)
  }

  /** What the client gets although the handler has failed. Throws what it has thrown where that is nothing. */
  #despite(run: Run<Rest>, error: unknown): Response {
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
}

/** What goes on when the client has gone, or is about what is stored, gets a request of its own. */
function requestOf<Rest extends unknown[]>(run: Run<Rest>, facts: native.BindingRun): Request {
  const isForAll = facts.leads || facts.etag !== undefined || facts.lastModified !== undefined
  return isForAll ? handlerRequest(run.request, facts, run.controller.signal) : run.request
}

/** Who asks for the head alone is answered from what is stored for a GET, and that is what is refreshed. */
function asGet(request: Request): Request {
  const { method, url, headers } = request
  return method === "HEAD" ? new Request(url, { headers }) : request
}

/** Rejects when the signal says so. What comes later is let go. */
function inTime(handled: Promise<Handled>, signal: AbortSignal): Promise<Handled> {
  return new Promise((resolve, reject) => {
    handled.then((late) => {
      if (signal.aborted) discard(takeReader(late.response))
      else resolve(late)
    }, reject)
    signal.addEventListener("abort", () => reject(signal.reason))
  })
}

function putOutcome(ended: number | Error): PutOutcome {
  if (ended instanceof Error) return { outcome: "error", reason: inWords(ended), error: ended }
  if (ended === native.PAST) return { outcome: "bypass" }
  return outcomeOf(ended)
}
