import { inWords } from "../errors.js"
import { harmlessly } from "../harmless.js"
import { discard, type Reader } from "../http/body.js"
import { fingerprintOf, hasCredentials } from "../http/fingerprint.js"
import type { ResponseHead } from "../http/head.js"
import { signalOf } from "../http/request.js"
import type * as native from "../native/addon.js"
import {
  type FailureResult,
  failureResult,
  type ResponseResult,
  responseResult,
  type StoreResult,
} from "../native/results.js"
import type { PutOutcome } from "../put/writer.js"
import { responseOf } from "../response/outgoing.js"
import { StoredResponse } from "../response/response.js"
import type { StreamReader } from "./body-streams.js"
import type { Context } from "./context.js"
import { failures } from "./failures.js"
import { invalidateRelated } from "./invalidation.js"
import { combined, type StoreDecision } from "./options.js"
import type { RunContext } from "./run-context.js"
import { thrownAnswer } from "./thrown-answer.js"

const REQUEST = "the request of a wrapped handler"

/** Statuses that a stale response may replace (RFC 5861, section 4). */
const FAILURES = [500, 502, 503, 504]

/** A run of the handler. */
export interface HandlerRun<Rest extends unknown[]> {
  readonly number: number
  readonly facts: native.BindingRun
  /** The client's request; a GET if a HEAD has led to a background run. */
  readonly request: Request
  /** The request that the wrapped handler was called with. */
  readonly caller: Request
  readonly rest: Rest
  /** Whether no client waits for the response. */
  readonly background: boolean
  /** Aborts the handler when no client needs its response. */
  readonly controller: AbortController
  readonly active: RunContext
  /** Whether the outcome of the response is decided. */
  decided: boolean
  /** Whether the handler and the decision about its response have ended. */
  isOver: boolean
  /** Whether the client's call ended before its response. */
  clientLeft: boolean
  /** Whether the body continues for clients that read it if the run times out. */
  outlives?: (() => boolean) | undefined
  /** Outcome of the body. */
  written: Promise<PutOutcome> | undefined
}

/** A response of the handler, and what decides about storing it. */
export interface Handled {
  readonly response: Response
  readonly head: ResponseHead
  /** The body, locked for others. */
  readonly reader: Reader | null
  readonly decision: StoreDecision
  /** Whether the handler has stored the response itself. */
  readonly stored: boolean
}

/** Handles the responses of a wrapped handler, and its failures. */
export class Responses<Rest extends unknown[]> {
  readonly #context: Context<Rest>

  constructor(context: Context<Rest>) {
    this.#context = context
  }

  /** The response for the client, or `undefined` if the handler has to run again. */
  respond(run: HandlerRun<Rest>, handled: Handled): Response | undefined {
    try {
      return this.#respond(run, handled)
    } catch (error) {
      discard(handled.reader)
      throw error
    }
  }

  #respond(run: HandlerRun<Rest>, handled: Handled): Response | undefined {
    const { binding, client } = this.#context
    const { head, stored } = handled
    // The run was abandoned: its call has rejected, and no other request waits.
    if (run.decided) throw run.controller.signal.reason
    if (client.isClosed) return this.#closed(run, handled)
    if (stored) {
      run.decided = true
      return this.#passed(run, handled, binding.storedByHandler(run.number, head.status, head.text))
    }
    const sent = client.fieldsForServe().with(["authorization", "cookie", ...head.vary])
    const print = FAILURES.includes(head.status) ? fingerprintOf(run.request) : ""
    const parts = bindingResponse(run, handled)
    const call = (request: string) =>
      responseResult(
        client.binding,
        binding,
        binding.respond(run.number, request, parts, Date.now()),
      )
    const result = client.call<ResponseResult>(run.request, sent, REQUEST, call, print)
    run.decided = result.kind !== "again"
    return this.#respondWith(result, run, handled)
  }

  /** The cache is closed: the response goes to its client unchanged. */
  #closed(run: HandlerRun<Rest>, { response, reader }: Handled): Response {
    run.decided = true
    this.#context.binding.dropRun(run.number)
    if (run.clientLeft) this.#stop(run, reader)
    else reader?.releaseLock()
    return response
  }

  /** Ends the body of a response whose client has left. */
  #stop({ caller, controller }: HandlerRun<Rest>, reader: Reader | null): void {
    controller.abort(caller.signal.reason)
    discard(reader, caller.signal.reason)
  }

  /** A response for its own client only. */
  #passed(run: HandlerRun<Rest>, { response, reader }: Handled, head: string): Response {
    const signal = signalOf(run.caller)
    if (run.clientLeft) {
      this.#stop(run, reader)
      return responseOf(response.status, head, null)
    }
    reader?.releaseLock()
    // The handler's request may have a signal of its own, which no other request needs any more.
    signal?.addEventListener("abort", () => run.controller.abort(signal.reason), { once: true })
    return responseOf(response.status, head, reader === null ? null : response.body)
  }

  #respondWith(
    result: ResponseResult,
    run: HandlerRun<Rest>,
    handled: Handled,
  ): Response | undefined {
    const { client, emit } = this.#context
    const { response, reader } = handled
    switch (result.kind) {
      case "stream":
        return this.#stream(run, result.writer, result.head, handled)
      case "answered":
        this.#write(run, result.writer, reader, undefined)
        return new StoredResponse(result.answer)
      case "answer":
        discard(reader)
        return new StoredResponse(result.answer)
      case "again":
        discard(reader)
        return undefined
      case "unshared": {
        const { head, isFailure, hasChanged, reason } = result
        if (isFailure) throw new Error(`the handler answered ${response.status}`)
        if (hasChanged) invalidateRelated(client, run.request, response)
        if (reason !== undefined) emit("put", run.request, { outcome: "refused", reason })
        return this.#passed(run, handled, head)
      }
    }
  }

  /** The response for the client, whose body is written for waiters and the store as well. */
  #stream(
    run: HandlerRun<Rest>,
    writer: number,
    head: string,
    { response, reader }: Handled,
  ): Response {
    const { binding, bodies } = this.#context
    try {
      const isRead = reader !== null && !run.background && !run.clientLeft
      const number = isRead ? binding.openReader(writer) : null
      const own = number === null ? undefined : bodies.reader(number)
      this.#write(run, writer, reader, own)
      const body = own === undefined ? null : bodies.stream(own, signalOf(run.caller))
      return responseOf(response.status, head, body)
    } catch (error) {
      // Other clients have the head already, so the body has to end.
      if (run.written === undefined) bodies.breakOff(writer, error)
      throw error
    }
  }

  #write(
    run: HandlerRun<Rest>,
    writer: number,
    reader: Reader | null,
    own: StreamReader | undefined,
  ): void {
    const { bodies, emit } = this.#context
    run.outlives = () => bodies.timeOut(writer)
    const written = bodies.write(writer, reader, run.controller, own).then((ended) => {
      run.outlives = undefined
      const put = putOutcome(ended)
      const { error: _, ...sent } = put
      if (put.outcome !== "bypass") emit("put", run.request, sent)
      return put
    })
    run.written = written
    if (!run.background) this.prolong(run, written)
  }

  /**
   * The response for the client of a failed handler. Throws the handler's error if there is none.
   */
  failed(run: HandlerRun<Rest>, error: unknown): Response {
    const { binding, client } = this.#context
    if (run.decided) throw error
    run.decided = true
    if (run.facts.uncached || client.isClosed) {
      binding.dropRun(run.number)
      throw error
    }
    try {
      return this.#instead(run, error)
    } finally {
      // If the failure came before the run was known to the core, others would wait for it.
      binding.dropRun(run.number)
    }
  }

  /** The response for the client of a handler that threw. Throws the error if there is none. */
  #instead(run: HandlerRun<Rest>, error: unknown): Response {
    const { binding, client } = this.#context
    const answer = thrownAnswer(error)
    const sent = client.fieldsForServe()
    if (answer !== undefined) {
      const call = (request: string) =>
        binding.thrownAnswer(run.number, request, answer.status, Date.now()) as unknown as number
      client.call(run.request, sent, REQUEST, call)
      throw error
    }
    // An error may quote the request, so it is not shared if the request has credentials.
    const isPrivate = hasCredentials(run.request.headers)
    const message = isPrivate ? "" : inWords(error)
    const fail = (request: string) =>
      failureResult(client.binding, binding.fail(run.number, request, message, Date.now()))
    const print = fingerprintOf(run.request)
    const result = client.call<FailureResult>(run.request, sent, REQUEST, fail, print)
    if (result.kind === "answer") return new StoredResponse(result.answer)
    if (result.failure !== undefined && !isPrivate) failures.note(result.failure, error)
    throw error
  }

  /**
   * Reports background work to `waitUntil`. A `waitUntil` that throws or rejects must not fail the
   * request.
   */
  prolong(run: HandlerRun<Rest>, work: Promise<unknown>): void {
    harmlessly(
      () => this.#context.wrapping.waitUntil?.(work, run.caller, ...run.rest),
      (error) => {
        process.emitWarning(`wrap() options.waitUntil has thrown: ${inWords(error)}`, {
          code: "LAYERON_WAIT_UNTIL",
        })
      },
    )
  }
}

/**
 * What decides about storing a response: its head, and the decisions of the wrapper and nested
 * wrappers.
 */
function bindingResponse<Rest extends unknown[]>(
  { active }: HandlerRun<Rest>,
  { head, decision }: Handled,
): native.BindingHandlerResponse {
  const { status, text, contentLength } = head
  return { status, head: text, length: contentLength, ...combined(decision, active.contributions) }
}

function putOutcome(ended: StoreResult | Error): PutOutcome {
  if ("outcome" in ended) return ended
  return { outcome: "error", reason: inWords(ended), error: ended }
}
