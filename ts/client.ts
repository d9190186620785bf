import type { CacheRequest } from "../index.js"
import { failure } from "./errors.js"
import { fingerprintOf } from "./http/fingerprint.js"
import { FieldNames, isRequest, readRequest, requestText, serialisedUrl } from "./http/request.js"
import * as native from "./native/addon.js"
import { Completions } from "./native/completions.js"
import type { KeyArguments } from "./options/arguments.js"
import { bindingOptions, type Declaration, neededFields } from "./options/options.js"
import { warnOfEnd } from "./warnings.js"

/**
 * By these every stored response may answer with less than all of it. Others are asked for where
 * one has what they need.
 */
const CONDITIONS = ["if-none-match", "range"]

/**
 * What a request may say on whether a stored response will do (RFC 9111, sections 5.2.1 and 5.4).
 */
const DIRECTIVES = ["cache-control", "pragma"]

/** How long a read waits for a disk. */
const LOAD_TIMEOUT_MS = 2_000

/** How often what a call asks for is brought into memory, at most. */
const MAX_LOADS = 1_000

/** More names than this have been learned from responses that no longer matter. */
const MAX_LEARNED = 64

/**
 * The conversation with the addon about requests. It is told as little of a request as will do,
 * since each header field costs as much as half a lookup, and it asks back for what else it has to
 * know.
 */
export class NativeClient {
  readonly binding: native.BindingCache
  readonly #identity: string
  readonly #configured: FieldNames
  readonly #configuredForMatch: FieldNames
  /**
   * What `match` looks for in a request: what is configured, and what stored responses turned out
   * to vary by.
   */
  #learned: FieldNames
  /** The same with what a wrapped handler needs in addition. */
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

  /** The names to tell for a call that needs `names` beside the configured ones. */
  fields(names: readonly string[]): FieldNames {
    return names.length === 0 ? this.#configured : this.#configured.with(names)
  }

  /** The same for `match`. */
  fieldsForMatch(names: readonly string[]): FieldNames {
    return names.length === 0 ? this.#learned : this.#learned.with(names)
  }

  /** The same for a wrapped handler. */
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
   * Makes a call about `request`, again with what it asks for until it has all. `path` names the
   * argument in errors. A call that would look at the disk comes to {@link native.NEEDS_TIER}, and
   * what is to be waited for is the number that it leaves; but not where the disk has been `asked`.
   * The `fingerprint` of the request is computed where the call asks for it and none is given.
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
   * Waits until what a call has come to {@link native.NEEDS_TIER} for is in memory. The caller then
   * asks again by itself, since what a call leaves has to be taken before anybody else makes one.
   * Resolves to whether the disk has been `asked` then: not where something was brought, which a
   * memory that is too small for all that is brought at a time may have lost again, unless that has
   * happened often enough.
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

  /** What comes of a ticket, where there is one. `what` names it in errors. */
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
    // There is nothing that the caller could do about it.
    const warn = ({ message }: Error) => warnOfEnd(this.#identity, `was closed, and ${message}`)
    await this.completed(this.binding.close(), "what waited").catch(warn)
  }

  assertOpen(): void {
    if (!this.#open) throw failure("LAYERON_CLOSED", `${this.#identity} is closed`)
  }

  #learn(told: FieldNames): FieldNames {
    const wanted = native.takeWantedFields()
    const learned = this.#learned.with(wanted)
    this.#learned =
      learned.list.length > MAX_LEARNED ? this.#configuredForMatch.with(wanted) : learned
    const more = told.with(wanted)
    // Asking again for what has been told would never come to an end.
    if (more.list.length === told.list.length)
      throw new Error(`asked twice for ${wanted.join(", ")}`)
    return more
  }
}
