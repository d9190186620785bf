import type { CacheRequest } from "../index.js"
import { CacheError } from "./errors.js"
import { fingerprintOf } from "./http/fingerprint.js"
import { FieldNames, isRequest, readRequest, requestText, serialisedUrl } from "./http/request.js"
import * as native from "./native/addon.js"
import { Completions } from "./native/completions.js"
import type { KeyArguments } from "./options/arguments.js"
import { bindingOptions, type Declaration, neededFields } from "./options/options.js"
import { warnOfEnd } from "./warnings.js"

/**
 * Fields by which every stored response may answer with less than all of it. The addon asks for
 * other fields if a stored response needs them.
 */
const CONDITIONS = ["if-none-match", "range"]

/** Fields by which a request restricts stored responses (RFC 9111, sections 5.2.1 and 5.4). */
const DIRECTIVES = ["cache-control", "pragma"]

/** How long a lookup waits for a disk, in milliseconds. */
const LOAD_TIMEOUT_MS = 2_000

/** How often a call loads entries from disk, at most. */
const MAX_LOADS = 1_000

/** Names learned from responses at most. Beyond that, most of the responses are gone. */
const MAX_LEARNED = 64

/**
 * Calls the addon about requests. It sends as few header fields as possible, since each costs as
 * much as half a lookup, and sends more if the addon asks for them.
 */
export class NativeClient {
  readonly binding: native.BindingCache
  readonly #identity: string
  readonly #configured: FieldNames
  readonly #configuredForMatch: FieldNames
  /** Fields that `match` sends: the configured ones, and those by which stored responses vary. */
  #learned: FieldNames
  /** {@link NativeClient.#learned} with the fields that a wrapped handler needs. */
  #learnedForServe: { readonly basis: FieldNames; readonly names: FieldNames } | undefined
  readonly #completions = new Completions()
  #open = true

  constructor(declaration: Declaration) {
    this.#identity = `${declaration.namespace}/${declaration.name}`
    this.#configured = new FieldNames(neededFields(declaration))
    this.#configuredForMatch = this.#configured.with(CONDITIONS)
    this.#learned = this.#configuredForMatch
    this.binding = native.openBinding(bindingOptions(declaration), this.#completions.notify)
  }

  /** Fields to send for a call that needs `names` beside the configured ones. */
  fields(names: readonly string[]): FieldNames {
    return names.length === 0 ? this.#configured : this.#configured.with(names)
  }

  /** {@link fields} for `match`. */
  fieldsForMatch(names: readonly string[]): FieldNames {
    return names.length === 0 ? this.#learned : this.#learned.with(names)
  }

  /** {@link fields} for a wrapped handler. */
  toldForServe(): FieldNames {
    const basis = this.#learned
    if (this.#learnedForServe?.basis !== basis)
      this.#learnedForServe = { basis, names: basis.with(DIRECTIVES) }
    return this.#learnedForServe.names
  }

  /** Whether {@link close} has been called. */
  get isClosed(): boolean {
    return !this.#open
  }

  /**
   * Makes a call about `request`, and repeats it with what it asks for. `path` names the argument
   * in errors. Returns {@link native.NEEDS_TIER}, with the number of a completion in the scratch
   * buffer, if the call needs entries on disk and they have not been loaded (`asked`). The
   * `fingerprint` of the request is computed if the call asks for it.
   */
  call<Outcome>(
    request: CacheRequest,
    told: FieldNames,
    path: string,
    call: (text: string) => Outcome | number,
    asked = false,
    fingerprint = "",
  ): Outcome {
    this.assertOpen()
    let names = told
    let serialised: string | undefined
    let print = fingerprint
    for (;;) {
      const parts = readRequest(request, names, path)
      const text =
        serialised === undefined && print === ""
          ? requestText(parts)
          : requestText(
              { ...parts, url: serialised ?? parts.url },
              `${serialised === undefined ? "" : "="}${print}`,
            )
      const outcome = call(asked ? `@${text}` : text)
      if (outcome === native.NEEDS_URL) serialised = serialisedUrl(parts.url, path)
      else if (outcome === native.NEEDS_FINGERPRINT && isRequest(request))
        print = fingerprintOf(request as Request)
      else if (outcome === native.NEEDS_FIELDS) names = this.#learn(names)
      else return outcome as Outcome
    }
  }

  /**
   * Waits until the entries that a call asked for ({@link native.NEEDS_TIER}) are in memory. The
   * caller repeats the call, since what it leaves in the scratch buffer must be taken before the
   * next one. Resolves to whether the repeated call counts as `asked`: not if entries were loaded,
   * since a small memory may have evicted them again, unless that has happened {@link MAX_LOADS}
   * times.
   */
  async loaded(attempt: number): Promise<boolean> {
    const ticket = native.takeNumber()
    const brought = await this.#completions.completed(
      this.binding,
      ticket,
      "what the disk has",
      LOAD_TIMEOUT_MS,
    )
    return brought === 0 || attempt >= MAX_LOADS
  }

  /** The result of a completion, if there is one. `what` names the operation in errors. */
  async completed(ticket: number, what: string): Promise<number> {
    return ticket === native.NO_COMPLETION
      ? 0
      : this.#completions.completed(this.binding, ticket, what)
  }

  key(request: CacheRequest, { vary, names }: KeyArguments, path: string): string {
    return this.call<string>(request, this.fields(names), path, (text) =>
      this.binding.key(text, vary),
    )
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    // The caller can do nothing about it.
    const warn = ({ message }: Error) => warnOfEnd(this.#identity, `was closed, and ${message}`)
    await this.completed(this.binding.close(), "what waited").catch(warn)
  }

  assertOpen(): void {
    if (!this.#open) throw new CacheError("LAYERON_CLOSED", `${this.#identity} is closed`)
  }

  #learn(told: FieldNames): FieldNames {
    const wanted = native.takeWantedFields()
    const learned = this.#learned.with(wanted)
    this.#learned =
      learned.list.length > MAX_LEARNED ? this.#configuredForMatch.with(wanted) : learned
    const more = told.with(wanted)
    // Asking again for what was sent would never end.
    if (more.list.length === told.list.length)
      throw new Error(`asked twice for ${wanted.join(", ")}`)
    return more
  }
}
