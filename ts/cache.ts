import type {
  CacheDiskInspection,
  CacheExplanation,
  CacheHandler,
  CacheInspection,
  CacheKeyOptions,
  CacheModule,
  CacheModuleOptions,
  CachePurgeSelector,
  CachePutOptions,
  CacheRefusal,
  CacheRequest,
  CacheStats,
  CacheWrapOptions,
  ResolvedCacheRule,
} from "../index.js"
import { NativeClient } from "./client.js"
import { harmlessly } from "./harmless.js"
import { fieldNamesOf } from "./http/request.js"
import * as native from "./native/addon.js"
import type { Answer } from "./native/answer.js"
import { flushAtExit } from "./native/exit.js"
import { type LookUp, lookUp, takeAnswer } from "./native/hit-path.js"
import {
  type DeleteResult,
  deleteEntry,
  MissingTier,
  purge,
  takeSequence,
} from "./native/results.js"
import { sweeper } from "./native/sweeper.js"
import { completed } from "./native/wait.js"
import { type EventDetail, type EventOutcome, Events } from "./observability/events.js"
import { explanationOf } from "./observability/explain.js"
import { complain, observer } from "./observability/metrics.js"
import {
  type KeyArguments,
  NO_OPTIONS,
  readKeyOptions,
  readPutOptions,
  readSelector,
} from "./options/arguments.js"
import { type Declaration, readDeclaration } from "./options/options.js"
import { BuildTracker } from "./put/build-tracker.js"
import { Writer } from "./put/writer.js"
import { StoredResponse } from "./response/response.js"
import { warnOfCookies, warnOfRefresh } from "./warnings.js"
import type { WrapInstance } from "./wrap/context.js"
import { enclosingRun } from "./wrap/run-context.js"
import { wrap } from "./wrap/wrap.js"

const MATCH = "match() request"

export function cache(options: CacheModuleOptions): CacheModule {
  return new Cache(readDeclaration(options))
}

class Cache implements CacheModule {
  readonly kind = "cache"
  readonly name: string
  readonly namespace: string
  readonly identity: string
  readonly rules: readonly ResolvedCacheRule[]
  readonly #client: NativeClient
  readonly #binding: native.BindingCache
  readonly #lookUp: LookUp
  readonly #builds: BuildTracker
  readonly #writer: Writer
  readonly #events: Events
  readonly #folder: string | undefined

  constructor(declaration: Declaration) {
    const { name, namespace, rules, observability, storage } = declaration
    this.#folder = storage.folder
    this.name = name
    this.namespace = namespace
    this.identity = `${namespace}/${name}`
    this.rules = rules
    this.#client = new NativeClient(declaration)
    this.#binding = this.#client.binding
    this.#lookUp = this.#binding.lookUpFunction()
    this.#builds = BuildTracker.of(this.identity)
    this.#writer = new Writer(this.#client, this.#builds)
    this.#events = new Events(
      this,
      observability === undefined ? undefined : observer(observability),
    )
    sweeper.watch(this.#binding)
    if (storage.folder !== undefined) flushAtExit()
  }

  key(request: CacheRequest, options?: CacheKeyOptions): string {
    return this.#client.key(request, readKeyOptions("key() options", options), "key() request")
  }

  async match(request: CacheRequest, options?: CacheKeyOptions): Promise<Response | undefined> {
    const given = readKeyOptions("match() options", options)
    const now = Date.now()
    // The addon reads the rest of the request as it needs it.
    const byObject = isObject(request)
    // The handler that answers the request is running: the miss that led to it has been counted.
    if (byObject && this.#builds.isRun(request)) return undefined
    // A background refresh would otherwise receive the response that it replaces.
    const key = () => this.#client.key(request, given, MATCH)
    if (enclosingRun(this.identity, key)?.isBackground) return undefined
    const sent = this.#client.fieldsForMatch(given.names)
    const call = (text: string) =>
      lookUp(this.#lookUp, byObject ? text : `:${text}`, given.vary, now)
    const attempt = (asked: boolean) => {
      const outcome = this.#client.tryCall<string | number>(request, sent, MATCH, call, asked)
      return outcome instanceof MissingTier ? outcome : this.#matched(outcome, request, given, now)
    }
    const first = attempt(false)
    return first instanceof MissingTier ? this.#client.withTier(first, attempt) : first
  }

  /** The response of a lookup that has just returned `outcome`. */
  #matched(
    outcome: string | number,
    request: CacheRequest,
    given: KeyArguments,
    now: number,
  ): Response | undefined {
    const answer = answerOf(this.#binding, outcome)
    if (answer === undefined && isObject(request) && outcome !== native.BYPASSED) {
      this.#builds.begin(request, takeSequence())
    }
    if (this.#events.hasSubscribers("match")) {
      const subject = this.#subject(request, given, MATCH, now)
      this.#events.emit("match", { ...subject, ...matchOutcome(outcome, answer) })
    }
    return answer === undefined ? undefined : new StoredResponse(answer)
  }

  async put(request: CacheRequest, response: Response, options?: CachePutOptions): Promise<void> {
    const given = readPutOptions("put() options", options)
    const now = Date.now()
    const subject = this.#events.hasSubscribers("put")
      ? this.#subject(request, given, "put() request", now)
      : undefined
    const done = await this.#writer.put(request, response, given, now)
    if (subject !== undefined) {
      const { error: _, ...outcome } = done
      this.#events.emit("put", { ...subject, ...outcome })
    }
    if (done.outcome === "error") throw done.error
  }

  async delete(request: CacheRequest, options?: CacheKeyOptions): Promise<boolean> {
    const given = readKeyOptions("delete() options", options)
    const now = Date.now()
    // Entries on disk may vary by any field.
    const all = this.#folder === undefined ? [] : fieldNamesOf(request)
    const sent = this.#client.fields([...given.names, ...all])
    const call = (text: string) => deleteEntry(this.#binding, text, given.vary, now)
    const inMemory = this.#client.call<DeleteResult>(request, sent, "delete() request", call)
    const { onDisk } = inMemory
    const isOnDisk =
      onDisk !== null && (await completed(onDisk, "a delete could not be stored on disk")) !== 0
    const outcome = isOnDisk ? "deleted" : inMemory.outcome
    if (this.#events.hasSubscribers("delete")) {
      const subject = this.#subject(request, given, "delete() request", now)
      this.#events.emit("delete", { ...subject, outcome })
    }
    return outcome === "deleted"
  }

  async purge(selector: CachePurgeSelector): Promise<{ purged: number }> {
    const selection = readSelector("purge() selector", selector, this.namespace)
    const { request, tags, prefix, prefixes, everything, soft } = selection
    const now = Date.now()
    const key =
      request === undefined
        ? undefined
        : this.#client.key(request, NO_OPTIONS, "purge() selector.request")
    this.#client.assertOpen()
    const selected = { key, tags: [...tags], prefixes: [...prefixes], everything, soft }
    const result = purge(this.#binding, selected, now)
    const purged =
      typeof result === "number"
        ? result
        : ((await completed(result, "a purge could not be stored on disk")) ?? 0)
    if (this.#events.hasSubscribers("purge")) {
      const outcome = soft ? "softened" : "purged"
      this.#events.emit("purge", { outcome, purged, key, selected: { tags, prefix, everything } })
    }
    return { purged }
  }

  wrap<Rest extends unknown[], Incoming extends Request>(
    handler: CacheHandler<Rest, Incoming>,
    options?: CacheWrapOptions<Rest, Incoming>,
  ): (request: Incoming, ...rest: Rest) => Promise<Response> {
    const emit: WrapInstance["emit"] = (operation, request, detail) =>
      this.#emit(operation, request, detail)
    const { identity } = this
    const instance = { identity, client: this.#client, builds: this.#builds, emit }
    return wrap(
      instance,
      handler as unknown as CacheHandler<Rest>,
      options as unknown as CacheWrapOptions<Rest>,
    )
  }

  covers(request: CacheRequest): boolean {
    const sent = this.#client.fields([])
    const call = (text: string) => this.#binding.covers(text)
    return this.#client.call<number>(request, sent, "covers() request", call) === 1
  }

  async stats(): Promise<CacheStats> {
    this.#client.assertOpen()
    return this.#binding.stats()
  }

  async inspect(): Promise<CacheInspection> {
    this.#client.assertOpen()
    const { refused, fenced, oldestMs, errorHits, disk, ...seen } = this.#binding.inspect(
      Date.now(),
    )
    const refusedWrites = Object.fromEntries(refused.map(({ reason, count }) => [reason, count]))
    return {
      ...seen,
      oldestEntrySeconds: oldestMs === undefined ? null : oldestMs / 1000,
      fencedWrites: fenced,
      staleIfErrorHits: errorHits,
      refusedWrites: refusedWrites as Record<CacheRefusal, number>,
      disk: this.#folder === undefined || disk === undefined ? null : diskOf(this.#folder, disk),
    }
  }

  async explain(request: CacheRequest, options?: CacheKeyOptions): Promise<CacheExplanation> {
    const { vary, names } = readKeyOptions("explain() options", options)
    const now = Date.now()
    const sent = this.#client.fieldsForMatch(names)
    const call = (text: string) => this.#binding.explain(text, vary, now)
    const attempt = (asked: boolean) =>
      this.#client.tryCall<native.BindingExplanation>(
        request,
        sent,
        "explain() request",
        call,
        asked,
      )
    const first = attempt(false)
    const loaded = first instanceof MissingTier ? this.#client.withTier(first, attempt) : first
    const found = await loaded
    // A cache that was closed meanwhile is explained by the error of another call.
    return explanationOf(found ?? (attempt(true) as native.BindingExplanation), this)
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #emit<Operation extends "match" | "put" | "refresh">(
    operation: Operation,
    request: Request,
    outcome: EventOutcome<Operation>,
  ): void {
    const { reason } = outcome
    if (outcome.outcome === "failed") warnOfRefresh(this.identity, reason)
    if (operation === "put" && reason === "cookie") warnOfCookies(this.identity)
    if (this.#client.isClosed || !this.#events.hasSubscribers(operation)) return
    // A request whose fields cannot be read must not leave a run behind that others wait for.
    harmlessly(() => {
      const path = "the request of a wrapped handler"
      const subject = this.#subject(request, NO_OPTIONS, path, Date.now())
      this.#events.emit(operation, { ...subject, ...outcome } as unknown as EventDetail<Operation>)
    }, complain)
  }

  /** What an event says of its request: the key and, if a rule makes it skip the cache, why. */
  #subject(
    request: CacheRequest,
    { vary, names }: KeyArguments,
    path: string,
    now: number,
  ): { key: string; reason?: string } {
    const call = (text: string) => this.#binding.explain(text, vary, now)
    const sent = this.#client.fieldsForMatch(names)
    // Only the key matters, whatever is on disk.
    const explained = this.#client.call<native.BindingExplanation>(request, sent, path, call)
    const { key, bypassKind, bypassName } = explained
    return bypassKind === undefined ? { key } : { key, reason: `${bypassKind} ${bypassName}` }
  }
}

function diskOf(path: string, disk: native.BindingDisk): NonNullable<CacheInspection["disk"]> {
  const { dropped, damaged, quarantined, error, errorCode, ...seen } = disk
  return {
    path,
    ...seen,
    droppedWrites: dropped,
    damagedReads: damaged,
    setAside: quarantined ?? null,
    fault: error ?? null,
    faultCode: (errorCode ?? null) as CacheDiskInspection["faultCode"],
  }
}

/** A small answer crosses as a string; a large one has to be taken. */
function answerOf(binding: native.BindingCache, outcome: string | number): Answer | undefined {
  if (typeof outcome === "string") return takeAnswer(binding, outcome)
  return outcome < 0 ? undefined : takeAnswer(binding)
}

/** Whether builds of a request are tracked by its object, rather than by its key. */
function isObject(request: CacheRequest): request is Request {
  return typeof request === "object" && request !== null && !(request instanceof URL)
}

function matchOutcome(outcome: string | number, answer: Answer | undefined): EventOutcome<"match"> {
  if (answer !== undefined) return { outcome: answer.stale ? "stale" : "hit" }
  if (outcome === native.BYPASSED) return { outcome: "bypass" }
  return { outcome: "miss", reason: outcome === native.REFRESH ? "elected" : "absent" }
}
