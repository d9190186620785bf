import { CacheError, inWords } from "../errors.js"
import { assertUnused, discard, takeReader } from "../http/body.js"
import { readHead } from "../http/head.js"
import { signalOf } from "../http/request.js"
import { deliverNotifications } from "../native/wait.js"
import type { EventOutcome } from "../observability/events.js"
import type { HandlerBuild } from "../put/build-tracker.js"
import { BackgroundTimer } from "../timers.js"
import type { Context } from "./context.js"
import { asGet, handlerRequest, withoutCookies } from "./handler-request.js"
import { decisionOf, NO_DECISION } from "./options.js"
import { type Handled, type HandlerRun, Responses } from "./responses.js"
import { currentRun, endRun, insideRun, isInsideRunFor, RunContext } from "./run-context.js"
import { thrownAnswer } from "./thrown-answer.js"

const RESPONSE = "the response of a wrapped handler"

/** Runs of a wrapped handler, for a client or in the background. */
export class Runs<Rest extends unknown[]> {
  readonly #context: Context<Rest>
  readonly #responses: Responses<Rest>

  constructor(context: Context<Rest>) {
    this.#context = context
    this.#responses = new Responses(context)
  }

  /** Runs the handler for a client. Resolves to the client's response. */
  async run(
    number: number,
    request: Request,
    rest: Rest,
    emit: (outcome: EventOutcome<"match">) => void,
  ): Promise<Response> {
    const run = this.#begin(number, request, rest, false)
    const { uncached, why } = run.facts
    // The reason for a bypass by a rule is in the event already.
    const reason = why === "bypass" ? {} : { reason: why }
    emit({ outcome: uncached ? "bypass" : "miss", ...reason })
    return this.#whileClientWaits(run)
  }

  /** Runs the handler in the background, for at most the timeout. */
  refresh(number: number, request: Request, rest: Rest): void {
    const run = this.#begin(number, request, rest, true)
    this.#responses.prolong(run, this.#refresh(run))
  }

  #begin(number: number, caller: Request, rest: Rest, background: boolean): HandlerRun<Rest> {
    const facts = this.#context.binding.run(number)
    const controller = new AbortController()
    const request = background ? asGet(caller) : caller
    const { identity, keyOf } = this.#context
    const key = () => keyOf(request)
    const signal = signalOf(caller)
    const active = new RunContext(identity, background, facts.uncached, key, signal, currentRun())
    const begun = { number, facts, request, caller, rest, background, controller, active }
    return { ...begun, decided: false, isOver: false, clientLeft: false, written: undefined }
  }

  /**
   * Runs the handler while the client or other requests wait. The call rejects as soon as its
   * client leaves; the run continues for the others. A call that bypasses the cache inside another
   * run of the client runs to its end: the outer run invalidates what it changes.
   */
  #whileClientWaits(run: HandlerRun<Rest>): Promise<Response> {
    const { signal } = run.active
    if (signal === undefined) return this.#attempt(run)
    if (run.facts.uncached && isInsideRunFor(run.active)) return this.#attempt(run)
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason)
        this.#leave(run, signal.reason)
      }
      if (signal.aborted) {
        leave()
        // A request of another thread may wait already, except for a run that bypasses the cache.
        if (run.facts.uncached) this.#context.binding.dropRun(run.number)
        else if (!run.decided) this.#attempt(run).catch(() => {})
        return
      }
      signal.addEventListener("abort", leave)
      const stay = () => signal.removeEventListener("abort", leave)
      this.#attempt(run).then(resolve, reject).finally(stay)
    })
  }

  /** Handles a client that left: a run that no other request needs is abandoned. */
  #leave(run: HandlerRun<Rest>, reason: unknown): void {
    run.clientLeft = true
    // The handler has the client's own request. What it changes is invalidated all the same.
    if (run.facts.uncached) return
    if (run.decided || this.#context.client.isClosed) return
    if (this.#context.binding.abandon(run.number)) {
      run.decided = true
      run.controller.abort(reason)
      return
    }
    void this.#context.binding.runChange(run.number).then(() => {
      if (!run.isOver) this.#leave(run, reason)
    })
  }

  /** Never rejects. */
  async #refresh(run: HandlerRun<Rest>): Promise<void> {
    const { wrapping, emit } = this.#context
    const late = new CacheError(
      "LAYERON_REFRESH_TIMEOUT",
      `the background refresh took longer than ${wrapping.refreshTimeoutMs} ms`,
    )
    let timer: BackgroundTimer | undefined
    const timeout = new Promise<never>((_, reject) => {
      const expire = () => (run.outlives?.() ? reject(late) : run.controller.abort(late))
      timer = new BackgroundTimer(expire, wrapping.refreshTimeoutMs)
    })
    const refreshed = Promise.race([this.#refreshed(run), timeout])
    const reason = await refreshed.then(() => undefined, reasonOf)
    timer?.stop()
    emit(
      "refresh",
      run.request,
      reason === undefined ? { outcome: "refreshed" } : { outcome: "failed", reason },
    )
  }

  /** Rejects if the refresh has failed. */
  async #refreshed(run: HandlerRun<Rest>): Promise<void> {
    discard(takeReader(await this.#attempt(run)))
    const written = await run.written
    if (written?.outcome === "error") throw written.error
  }

  /** Does the work of a run. Calls for the same key inside it run their handlers directly. */
  #attempt(run: HandlerRun<Rest>): Promise<Response> {
    return insideRun(run.active, async () => {
      try {
        return await this.#answered(run)
      } finally {
        run.isOver = true
        deliverNotifications()
        void Promise.resolve(run.written).finally(() => endRun(run.active))
      }
    })
  }

  /** Runs the handler, and once more if its 304 does not fit the stored response. */
  async #answered(run: HandlerRun<Rest>): Promise<Response> {
    try {
      for (;;) {
        // Decisions of nested handlers about the previous response do not apply to this one.
        run.active.contributions.length = 0
        const answered = this.#responses.respond(run, await this.#handledInTime(run))
        if (answered !== undefined) return answered
      }
    } catch (error) {
      return this.#responses.failed(run, error)
    }
  }

  async #handledInTime(run: HandlerRun<Rest>): Promise<Handled> {
    const asked = this.#requestOf(run)
    const handled = this.#handled(run, asked)
    return run.background ? inTime(handled, run.controller.signal) : handled
  }

  /** Throws if the client's request cannot be read, which fails no other request. */
  #requestOf(run: HandlerRun<Rest>): Request {
    const { binding } = this.#context
    try {
      return requestOf(run, binding.run(run.number))
    } catch (error) {
      run.decided = true
      binding.dropRun(run.number)
      throw error
    }
  }

  async #handled(run: HandlerRun<Rest>, asked: Request): Promise<Handled> {
    const { builds, handler } = this.#context
    if (run.facts.uncached) return this.#read(run, await handler(asked, ...run.rest), undefined)
    const own = builds.beginRun(asked, run.facts.since)
    try {
      return await this.#read(run, await handler(asked, ...run.rest), own)
    } finally {
      builds.endRun(asked)
    }
  }

  /** Reads what decides about storing the response, and takes its body. */
  async #read(
    run: HandlerRun<Rest>,
    response: Response,
    own: HandlerBuild | undefined,
  ): Promise<Handled> {
    const head = readHead(response, run.request.method, RESPONSE)
    assertUnused(response, RESPONSE)
    const stored = own?.stored === true
    try {
      const isDecided = own === undefined || stored
      const decision = isDecided
        ? NO_DECISION
        : await decisionOf(this.#context.wrapping, run.caller, response, run.rest)
      assertUnused(response, RESPONSE)
      return { response, head, reader: takeReader(response), decision, stored }
    } catch (error) {
      if (response.body?.locked === false) discard(takeReader(response))
      throw error
    }
  }
}

function reasonOf(thrown: unknown): string {
  const answer = thrownAnswer(thrown)
  if (answer === undefined) return inWords(thrown)
  return `the handler threw an answer of status ${answer.status ?? "unknown"}`
}

/** A shared run, and one that outlives its client, gets its own request. */
function requestOf<Rest extends unknown[]>(
  run: HandlerRun<Rest>,
  facts: HandlerRun<Rest>["facts"],
): Request {
  const isForAll = facts.leads || facts.etag !== undefined || facts.lastModified !== undefined
  const request = facts.withoutCookies ? withoutCookies(run.request) : run.request
  return isForAll ? handlerRequest(request, facts, run.controller.signal) : request
}

/** Rejects when the signal aborts. A later response is discarded. */
function inTime(handled: Promise<Handled>, signal: AbortSignal): Promise<Handled> {
  return new Promise((resolve, reject) => {
    handled.then((late) => {
      if (signal.aborted) discard(late.reader)
      else resolve(late)
    }, reject)
    signal.addEventListener("abort", () => reject(signal.reason))
  })
}
