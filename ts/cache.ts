import type {
  CacheInspection,
  CacheKeyOptions,
  CacheModule,
  CacheModuleOptions,
  CachePurgeSelector,
  CachePutOptions,
  CacheRefusal,
  CacheRequest,
  CacheStats,
  ResolvedCacheRule,
} from "../index.js"
import { type KeyArguments, NO_OPTIONS, readKeyOptions, readPutOptions, readSelector } from "./arguments.js"
import { assertUnused, discard, type Reader, readAll, TOO_LARGE, takeReader } from "./body.js"
import { failure, invalid } from "./errors.js"
import { readHead } from "./head.js"
import * as native from "./native.js"
import { bindingOptions, type Declaration, neededFields, readDeclaration } from "./options.js"
import { FieldNames, readRequest, requestText, serialisedText } from "./request.js"
import { StoredResponse } from "./response.js"
import { sweeper } from "./sweeper.js"

/** Fields by which `match` may answer with less than the whole stored response. */
const CONDITIONS = ["if-none-match", "if-modified-since", "range", "if-range"]

/** More names than this have been learned from responses that no longer matter. */
const MOST_LEARNED = 64

export function cache(options: CacheModuleOptions): CacheModule {
  return new Cache(readDeclaration(options))
}

class Cache implements CacheModule {
  readonly kind = "cache"
  readonly name: string
  readonly namespace: string
  readonly identity: string
  readonly rules: readonly ResolvedCacheRule[]
  readonly #binding: native.BindingCache
  readonly #watched: WeakRef<native.BindingCache>
  readonly #keyNames: FieldNames
  readonly #configuredMatchNames: FieldNames
  /** What `match` looks for in a request: what is configured, and what stored responses vary by. */
  #matchNames: FieldNames
  #open = true

  constructor(declaration: Declaration) {
    this.name = declaration.name
    this.namespace = declaration.namespace
    this.identity = `${declaration.namespace}/${declaration.name}`
    this.rules = declaration.rules
    this.#keyNames = new FieldNames(neededFields(declaration))
    this.#configuredMatchNames = this.#keyNames.with(CONDITIONS)
    this.#matchNames = this.#configuredMatchNames
    this.#binding = native.openBinding(bindingOptions(declaration))
    this.#watched = sweeper.watch(this.#binding)
  }

  key(request: CacheRequest, options?: CacheKeyOptions): string {
    return this.#key(request, "key() request", readKeyOptions("key() options", options))
  }

  async match(request: CacheRequest, options?: CacheKeyOptions): Promise<Response | undefined> {
    const { vary, names } = readKeyOptions("match() options", options)
    const now = Date.now()
    const told = names.length === 0 ? this.#matchNames : this.#matchNames.with(names)
    const outcome = this.#ask<number>(request, told, "match() request", (text) =>
      this.#binding.lookUp(text, vary, now),
    )
    return outcome < 0 ? undefined : new StoredResponse(native.takeAnswer(this.#binding, outcome))
  }

  async put(request: CacheRequest, response: Response, options?: CachePutOptions): Promise<void> {
    const { vary, names, ttlSeconds, staleWhileRevalidateSeconds, tags } = readPutOptions(
      "put() options",
      options,
    )
    const now = Date.now()
    const head = readHead(response, methodOf(request), "put() response")
    assertUnused(response, "put() response")
    const told = this.#keyNames.with([...names, ...head.vary])
    const outcome = this.#ask<number>(request, told, "put() request", (text) =>
      this.#binding.draft(
        text,
        vary,
        head.status,
        head.text,
        ttlSeconds,
        staleWhileRevalidateSeconds,
        tags,
        now,
      ),
    )
    if (outcome < 0) return refuse(outcome, response)
    await this.#store(outcome, takeReader(response), native.takeRoom(), head.expected)
  }

  async delete(request: CacheRequest, options?: CacheKeyOptions): Promise<boolean> {
    const { vary, names } = readKeyOptions("delete() options", options)
    const now = Date.now()
    const told = this.#keyNames.with(names)
    return (
      this.#ask<number>(request, told, "delete() request", (text) =>
        this.#binding.delete(text, vary, now),
      ) === 1
    )
  }

  async purge(selector: CachePurgeSelector): Promise<{ purged: number }> {
    const { request, tags, prefix, everything } = readSelector("purge() selector", selector)
    const now = Date.now()
    const key = request === undefined ? undefined : this.#key(request, "purge() selector.request", NO_OPTIONS)
    this.#assertOpen()
    return { purged: this.#binding.purge({ key, tags: [...tags], prefix, everything }, now) }
  }

  async stats(): Promise<CacheStats> {
    this.#assertOpen()
    return this.#binding.stats()
  }

  async inspect(): Promise<CacheInspection> {
    this.#assertOpen()
    const { refused, ...seen } = this.#binding.inspect(Date.now())
    const refusedWrites = Object.fromEntries(refused.map(({ reason, count }) => [reason, count]))
    return { ...seen, refusedWrites: refusedWrites as Record<CacheRefusal, number> }
  }

  async close(): Promise<void> {
    this.#open = false
    this.#binding.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #key(request: CacheRequest, path: string, { vary, names }: KeyArguments): string {
    return this.#ask<string>(request, this.#keyNames.with(names), path, (text) =>
      this.#binding.key(text, vary),
    )
  }

  /** Makes a call about `request`, again and again with what it wants to be told in addition. */
  #ask<Outcome extends string | number>(
    request: CacheRequest,
    told: FieldNames,
    path: string,
    call: (text: string) => Outcome | number,
  ): Outcome {
    this.#assertOpen()
    let names = told
    let serialised = false
    for (;;) {
      const parts = readRequest(request, names, path)
      const outcome = call(serialised ? serialisedText(parts, path) : requestText(parts))
      if (outcome === native.WANTS_URL) serialised = true
      else if (outcome === native.WANTS_FIELDS) names = this.#learn(names)
      else return outcome as Outcome
    }
  }

  #learn(told: FieldNames): FieldNames {
    const wanted = native.takeWantedFields()
    const learned = this.#matchNames.with(wanted)
    this.#matchNames = learned.list.length > MOST_LEARNED ? this.#configuredMatchNames.with(wanted) : learned
    return told.with(wanted)
  }

  async #store(
    draft: number,
    reader: Reader | null,
    room: number,
    expected: number | undefined,
  ): Promise<void> {
    let body: Uint8Array | null | typeof TOO_LARGE
    try {
      body = await readAll(reader, room, expected, "put() response")
    } catch (error) {
      discard(reader)
      this.#binding.abandon(draft, false)
      throw error
    }
    this.#assertOpen()
    if (body === TOO_LARGE) {
      discard(reader)
      this.#binding.abandon(draft, true)
    } else {
      this.#binding.put(draft, body)
      sweeper.wake(this.#watched)
    }
  }

  #assertOpen(): void {
    if (!this.#open) throw failure("LAYERON_CLOSED", `${this.identity} is closed`)
  }
}

function methodOf(request: CacheRequest): string {
  return typeof request === "object" && "method" in request ? request.method : "GET"
}

/** A put that stores nothing takes the body all the same, unless it is an error. */
function refuse(outcome: number, response: Response): void {
  const demand = native.rejection(outcome)
  if (demand === undefined) return discard(takeReader(response))
  const [code, subject] =
    demand.about === "request"
      ? (["LAYERON_INVALID_REQUEST", "put() request"] as const)
      : (["LAYERON_INVALID_RESPONSE", "put() response"] as const)
  throw invalid(code, `${subject} ${demand.must}`)
}
