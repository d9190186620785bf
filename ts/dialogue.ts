import type { CacheRequest } from "../index.js"
import type { KeyArguments } from "./arguments.js"
import { failure } from "./errors.js"
import * as native from "./native.js"
import { bindingOptions, type Declaration, neededFields } from "./options.js"
import { FieldNames, readRequest, requestText, serialisedText } from "./request.js"

/** By these every stored response may answer with less than all of it. Others are asked for where one has what they need. */
const CONDITIONS = ["if-none-match", "range"]

/** What a request may say on whether a stored response will do (RFC 9111, sections 5.2.1 and 5.4). */
const DIRECTIVES = ["cache-control", "pragma"]

/** More names than this have been learned from responses that no longer matter. */
const MOST_LEARNED = 64

/**
 * The conversation with the addon about requests. It is told as little of a request as will do, since each header field costs as much
 * as half a lookup, and it asks back for what else it has to know.
 */
export class Dialogue {
  readonly binding: native.BindingCache
  readonly #identity: string
  readonly #configured: FieldNames
  readonly #configuredForMatch: FieldNames
  /** What `match` looks for in a request: what is configured, and what stored responses turned out to vary by. */
  #learned: FieldNames
  /** The same with what a wrapped handler needs in addition. */
  #learnedForServe: { readonly basis: FieldNames; readonly names: FieldNames } | undefined
  #open = true

  constructor(declaration: Declaration) {
    this.#identity = `${declaration.namespace}/${declaration.name}`
    this.#configured = new FieldNames(neededFields(declaration))
    this.#configuredForMatch = this.#configured.with(CONDITIONS)
    this.#learned = this.#configuredForMatch
    this.binding = native.openBinding(bindingOptions(declaration))
  }

  /** The names to tell for a call that needs `names` beside the configured ones. */
  told(names: readonly string[]): FieldNames {
    return names.length === 0 ? this.#configured : this.#configured.with(names)
  }

  /** The same for `match`. */
  toldForMatch(names: readonly string[]): FieldNames {
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

  /** Makes a call about `request`, again with what it asks for until it has all. `path` names the argument in errors. */
  ask<Outcome>(
    request: CacheRequest,
    told: FieldNames,
    path: string,
    call: (text: string) => Outcome | number,
  ): Outcome {
    this.assertOpen()
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

  key(request: CacheRequest, { vary, names }: KeyArguments, path: string): string {
    return this.ask<string>(request, this.told(names), path, (text) => this.binding.key(text, vary))
  }

  close(): void {
    this.#open = false
    this.binding.close()
  }

  assertOpen(): void {
    if (!this.#open) throw failure("LAYERON_CLOSED", `${this.#identity} is closed`)
  }

  #learn(told: FieldNames): FieldNames {
    const wanted = native.takeWantedFields()
    const learned = this.#learned.with(wanted)
    this.#learned = learned.list.length > MOST_LEARNED ? this.#configuredForMatch.with(wanted) : learned
    const more = told.with(wanted)
    // Asking again for what has been told would never come to an end.
    if (more.list.length === told.list.length) throw new Error(`asked twice for ${wanted.join(", ")}`)
    return more
  }
}
