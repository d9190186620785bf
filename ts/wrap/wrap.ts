import type { CacheHandler, CacheWrapOptions } from "../../index.js"
import type { NativeClient } from "../client.js"
import { CacheTypeError } from "../errors.js"
import { NO_BODY } from "../http/body.js"
import { isRequest, signalOf } from "../http/request.js"
import * as native from "../native/addon.js"
import { isToRefresh, type Retry as ServeRetry, serve, takeAnswer } from "../native/hit-path.js"
import {
  MissingTier,
  type ServeResult,
  serveResult,
  type WaitResult,
  waitResult,
} from "../native/results.js"
import { waitFor } from "../native/wait.js"
import type { EventOutcome } from "../observability/events.js"
import { bindingRequestOptions } from "../options/request-options.js"
import { responseOf } from "../response/outgoing.js"
import { StoredResponse } from "../response/response.js"
import { BodyStreams } from "./body-streams.js"
import type { WrapInstance } from "./context.js"
import { failures } from "./failures.js"
import { decisionOf, readHandler, readWrapping, type WrapOptions } from "./options.js"
import { currentRun, enclosingRun, type RunContext } from "./run-context.js"
import { Runs } from "./runs.js"

const REQUEST = "the request of a wrapped handler"

/** A wait without a result, and why. */
class Retry implements ServeRetry {
  constructor(
    readonly outcome: number,
    readonly failure: number,
  ) {}
}

/** A wait without a result. */
const RETRY = new Retry(native.AGAIN, 0)

export function wrap<Rest extends unknown[]>(
  instance: WrapInstance,
  handler: CacheHandler<Rest>,
  options?: CacheWrapOptions<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  readHandler("wrap() handler", handler)
  const wrapper = new Wrapper(instance, handler, readWrapping("wrap() options", options))
  return (request, ...rest) => wrapper.fetch(request, rest)
}

/** Answers each request: from the store, by a handler run, or by the run of another request. */
class Wrapper<Rest extends unknown[]> {
  readonly #instance: WrapInstance
  readonly #client: NativeClient
  readonly #handler: CacheHandler<Rest>
  readonly #wrapping: WrapOptions
  readonly #binding: native.BindingWrapper
  readonly #bodies: BodyStreams
  readonly #runs: Runs<Rest>

  constructor(instance: WrapInstance, handler: CacheHandler<Rest>, wrapping: WrapOptions) {
    const { client } = instance
    client.assertOpen()
    this.#instance = instance
    this.#client = client
    this.#handler = handler
    this.#wrapping = wrapping
    this.#binding = new native.BindingWrapper(client.binding, bindingWrapping(wrapping))
    this.#bodies = new BodyStreams(this.#binding, wrapping.refreshTimeoutMs)
    const shared = { handler, wrapping, binding: this.#binding, bodies: this.#bodies }
    this.#runs = new Runs({ ...instance, ...shared, keyOf: (request) => this.#keyOf(request) })
  }

  async fetch(request: Request, rest: Rest): Promise<Response> {
    if (!isRequest(request))
      throw new CacheTypeError(
        "LAYERON_INVALID_REQUEST",
        "the request of a wrapped handler must be a Request",
      )
    let retry: Retry | undefined
    for (;;) {
      // A closed cache must not fail requests.
      if (this.#client.isClosed) return this.#handler(request, ...rest)
      // A hit outside all runs pays for neither a closure nor the key.
      if (currentRun() !== undefined) {
        const enclosing = enclosingRun(this.#instance.identity, () => this.#keyOf(request))
        if (enclosing !== undefined) return this.#runNested(enclosing, request, rest)
      }
      const served = await this.#serve(request, rest, retry)
      if (!(served instanceof Retry)) return served
      retry = served
    }
  }

  /**
   * Runs the handler directly, because the caller is inside a run for the same key, which would
   * wait for itself. The enclosing run stores the response, with the tags and lifetimes of this
   * wrapper.
   */
  async #runNested(enclosing: RunContext, request: Request, rest: Rest): Promise<Response> {
    const response = await this.#handler(request, ...rest)
    const decision = await decisionOf(this.#wrapping, request, response, rest)
    const { ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds } = this.#wrapping
    const lifetimes = { ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds }
    enclosing.contributions.push({ ...decision, ...lifetimes })
    return response
  }

  /** The key of a request; of a HEAD that of a GET. */
  #keyOf({ url, headers, method }: Request): string {
    const asked = { url, headers, method: method === "HEAD" ? "GET" : method } as Request
    return this.#client.key(asked, this.#wrapping, REQUEST)
  }

  /** The response, or why the request has to be decided again. */
  async #serve(request: Request, rest: Rest, retry: Retry | undefined): Promise<Response | Retry> {
    const now = Date.now()
    const call = (text: string) => serve(this.#binding, text, retry, now)
    const attempt = (asked: boolean) => {
      const fields = this.#client.fieldsForServe()
      const outcome = this.#client.tryCall<number>(request, fields, REQUEST, call, asked)
      return outcome instanceof MissingTier
        ? outcome
        : this.#served(outcome, request, rest, retry === undefined)
    }
    const first = attempt(false)
    if (!(first instanceof MissingTier)) return first
    return (await this.#client.withTier(first, attempt)) ?? RETRY
  }

  /** The response to a request for which the addon has just returned `outcome`. */
  #served(
    outcome: number,
    request: Request,
    rest: Rest,
    isFirst: boolean,
  ): Promise<Response | Retry> | Response {
    const emit = (outcome: EventOutcome<"match">) => {
      if (isFirst) this.#instance.emit("match", request, outcome)
    }
    if (outcome >= 0) return this.#answer(request, rest, emit)
    const result = serveResult(this.#client.binding, this.#binding, outcome)
    return this.#miss(request, rest, emit, result)
  }

  /** The response to a request that no stored response answers as it is. */
  #miss(
    request: Request,
    rest: Rest,
    emit: (outcome: EventOutcome<"match">) => void,
    result: ServeResult,
  ): Promise<Response | Retry> | Response {
    switch (result.kind) {
      case "run":
        return this.#runs.run(result.run, request, rest, emit)
      case "wait":
        emit({ outcome: "miss", reason: "collapsed" })
        return this.#wait(result.wait, request)
      case "stale-if-error":
        emit({ outcome: "miss", reason: "failed" })
        return new StoredResponse(result.answer)
      case "failed":
        emit({ outcome: "miss", reason: "failed" })
        throw failures.thrown(result.failure, result.message)
      case "unavailable":
        emit({ outcome: "miss", reason: "only-if-cached" })
        return responseOf(504, `Gateway Timeout\ncache-status:${result.cacheStatus}\n`, null)
    }
  }

  #answer(request: Request, rest: Rest, emit: (outcome: EventOutcome<"match">) => void): Response {
    const refreshes = isToRefresh()
    const answer = takeAnswer(this.#client.binding)
    if (refreshes) this.#runs.refresh(this.#binding.refreshOf(), request, rest)
    emit({ outcome: answer.stale ? "stale" : "hit" })
    return new StoredResponse(answer)
  }

  /** Waits for the run of another request, for at most the timeout, or until the client leaves. */
  async #wait(wait: number, request: Request): Promise<Response | Retry> {
    try {
      return (await this.#outcomeOf(wait, request, signalOf(request))) ?? RETRY
    } finally {
      this.#binding.dropWait(wait)
    }
  }

  /** The outcome of the wait; `undefined` if it timed out. */
  async #outcomeOf(
    wait: number,
    request: Request,
    signal: AbortSignal | undefined,
  ): Promise<Response | Retry | undefined> {
    const until = Date.now() + this.#wrapping.refreshTimeoutMs
    const { binding } = this.#client
    const poll = (text: string) =>
      waitResult(binding, this.#binding, this.#binding.poll(wait, text, Date.now()))
    while (!this.#client.isClosed) {
      signal?.throwIfAborted()
      const fields = this.#client.fieldsForServe()
      const result = this.#client.call<WaitResult>(request, fields, REQUEST, poll)
      if (result.kind !== "pending") return this.#afterWait(result, signal)
      const timeoutMs = Math.max(until - Date.now(), 0)
      const keepAliveMs = this.#binding.isWaitOfOtherThread(wait) ? timeoutMs : undefined
      const change = this.#binding.waitChange(wait)
      const changed = await waitFor(change, { timeoutMs, keepAliveMs, signal })
      if (changed === undefined && !signal?.aborted) return undefined
    }
    return undefined
  }

  #afterWait(
    result: Exclude<WaitResult, { kind: "pending" }>,
    signal: AbortSignal | undefined,
  ): Response | Retry {
    switch (result.kind) {
      case "answer":
        return new StoredResponse(result.answer)
      case "again":
        return new Retry(result.outcome, result.failure)
      case "failed":
        throw failures.thrown(result.failure, result.message)
      case "shared": {
        const { status, head, reader } = result
        return responseOf(status, head, this.#body(status, reader, signal))
      }
    }
  }

  /** The body, or `null` for statuses without one. */
  #body(
    status: number,
    reader: number,
    signal: AbortSignal | undefined,
  ): ReadableStream<Uint8Array> | null {
    if (!NO_BODY.includes(status)) return this.#bodies.stream(this.#bodies.reader(reader), signal)
    this.#binding.dropReader(reader)
    return null
  }
}

function bindingWrapping(wrapping: WrapOptions): native.BindingWrapOptions {
  const { vary, ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds, refreshTimeoutMs } =
    wrapping
  return {
    vary,
    ttlSeconds,
    staleWhileRevalidateSeconds,
    staleIfErrorSeconds,
    timeout: refreshTimeoutMs,
    ...bindingRequestOptions(wrapping),
  }
}
