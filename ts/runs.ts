import { assertUnused, discard, takeReader } from "./body.js"
import { failure, inWords } from "./errors.js"
import type { EventDetail } from "./events.js"
import { handlerRequest } from "./handler-request.js"
import { readHead } from "./head.js"
import type { HandlerRun } from "./misses.js"
import type * as native from "./native.js"
import { type Context, type Handled, Replies, type Run } from "./replies.js"
import { tagsOf } from "./wrapping.js"

const RESPONSE = "the response of a wrapped handler"

/** Runs of a wrapped handler, for a client or in the background. */
export class Runs<Rest extends unknown[]> {
  readonly #context: Context<Rest>
  readonly #replies: Replies<Rest>

  constructor(context: Context<Rest>) {
    this.#context = context
    this.#replies = new Replies(context)
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
    this.#replies.prolong(this.#refresh(this.#begin(number, asGet(request), rest, true)))
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
    // A test may have replaced it by a function that returns nothing.
    timer?.unref?.()
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
        const answered = this.#replies.respond(run, await this.#handledInTime(run))
        if (answered !== undefined) return answered
      }
    } catch (error) {
      return this.#replies.despite(run, error)
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
