import type { CacheRequest } from "../index.js"
import { CacheError } from "./errors.js"
import { fingerprintOf } from "./http/fingerprint.js"
import { FieldNames, isRequest, readRequest, requestText, serialisedUrl } from "./http/request.js"
import * as native from "./native/addon.js"
import { MissingTier, missingOf, type Raw } from "./native/results.js"
import { completed } from "./native/wait.js"
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
  #open = true

  constructor(declaration: Declaration) {
    this.#identity = `${declaration.namespace}/${declaration.name}`
    this.#configured = new FieldNames(neededFields(declaration))
    this.#configuredForMatch = this.#configured.with(CONDITIONS)
    this.#learned = this.#configuredForMatch
    this.binding = native.openBinding(bindingOptions(declaration))
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
  fieldsForServe(): FieldNames {
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
   * in errors. The `fingerprint` of the request is computed if the call asks for it. For a call
   * that never needs entries on disk, or does not use them.
   */
  call<Outcome>(
    request: CacheRequest,
    fields: FieldNames,
    path: string,
    call: (text: string) => Outcome | Raw,
    fingerprint = "",
  ): Outcome {
    return this.tryCall<Outcome>(request, fields, path, call, true, fingerprint) as Outcome
  }

  /**
   * {@link call} for a call that may need entries on disk: returns {@link MissingTier} if they have
   * not been loaded (`asked`).
   */
  tryCall<Outcome>(
    request: CacheRequest,
    fields: FieldNames,
    path: string,
    call: (text: string) => Outcome | Raw,
    asked = false,
    fingerprint = "",
  ): Outcome | MissingTier {
    this.assertOpen()
    let names = fields
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
      // A hit as a string needs nothing more.
      if (typeof outcome !== "number") return outcome
      const missing = missingOf(this.binding, outcome)
      if (missing === undefined) return outcome as Outcome
      if (missing.kind === "tier") return missing
      if (missing.kind === "url") serialised = serialisedUrl(parts.url, path)
      else if (missing.kind === "fields") names = this.#learn(names, missing.names)
      else print = isRequest(request) ? fingerprintOf(request as Request) : print
    }
  }

  /**
   * Loads the entries on disk that a call needs, and makes it `again`. Resolves to its outcome, or
   * to `undefined` if the cache was closed meanwhile. The repeated call counts as `asked` unless
   * entries were loaded: a small memory may have evicted them again, so it may need them
   * {@link MAX_LOADS} times. `again` has to read what its call leaves in the scratch buffer: other
   * calls come before the caller continues.
   */
  async withTier<Outcome>(
    missing: MissingTier,
    again: (asked: boolean) => Outcome | MissingTier,
  ): Promise<Outcome | undefined> {
    let { loaded } = missing
    for (let attempt = 1; ; attempt++) {
      const entries = await completed(
        loaded,
        "entries could not be read from disk",
        LOAD_TIMEOUT_MS,
      )
      if (this.isClosed) return undefined
      const outcome = again(!entries || attempt >= MAX_LOADS)
      if (!(outcome instanceof MissingTier)) return outcome
      loaded = outcome.loaded
    }
  }

  key(request: CacheRequest, { vary, names }: KeyArguments, path: string): string {
    return this.call<string>(request, this.fields(names), path, (text) =>
      this.binding.key(text, vary),
    )
  }

  async close(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    this.binding.close()
    const written = this.binding.completed()
    if (written === null) return
    // The caller can do nothing about it.
    const warn = ({ message }: Error) => warnOfEnd(this.#identity, `was closed, and ${message}`)
    await completed(written, "a pending write could not be stored on disk").catch(warn)
  }

  assertOpen(): void {
    if (!this.#open) throw new CacheError("LAYERON_CLOSED", `${this.#identity} is closed`)
  }

  #learn(sent: FieldNames, wanted: readonly string[]): FieldNames {
    const learned = this.#learned.with(wanted)
    this.#learned =
      learned.list.length > MAX_LEARNED ? this.#configuredForMatch.with(wanted) : learned
    const more = sent.with(wanted)
    // Asking again for what was sent would never end.
    if (more.list.length === sent.list.length)
      throw new Error(
        `the addon still lacks the header fields ${wanted.join(", ")} after they were sent`,
      )
    return more
  }
}
