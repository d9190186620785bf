import type { CacheRequest } from "../../index.js"
import type { NativeClient } from "../client.js"
import { CacheTypeError, inWords } from "../errors.js"
import {
  assertUnused,
  discard,
  NO_ROOM,
  type Reader,
  readAll,
  TOO_LARGE,
  takeReader,
} from "../http/body.js"
import { type ResponseHead, readHead } from "../http/head.js"
import { isRequest, methodOf } from "../http/request.js"
import * as native from "../native/addon.js"
import type { PutArguments } from "../options/arguments.js"
import type { BuildTracker } from "./build-tracker.js"

/** Outcome of a put that is no error of its caller. */
export interface PutOutcome {
  readonly outcome: "stored" | "refused" | "fenced" | "bypass" | "error"
  readonly reason?: string | undefined
  /** The error of the body. */
  readonly error?: unknown
}

/** Puts responses: the head decides whether one is stored; only then is its body read. */
export class Writer {
  readonly #client: NativeClient
  readonly #builds: BuildTracker
  /** Releases the drafts of bodies that are never finished. */
  readonly #unfinished: FinalizationRegistry<Draft>

  constructor(client: NativeClient, builds: BuildTracker) {
    this.#client = client
    this.#builds = builds
    this.#unfinished = new FinalizationRegistry((draft) => draft.release())
  }

  async put(
    request: CacheRequest,
    response: Response,
    given: PutArguments,
    now: number,
  ): Promise<PutOutcome> {
    const head = readHead(response, methodOf(request), "put() response")
    assertUnused(response, "put() response")
    const outcome = this.#draft(request, head, given, now)
    const done =
      outcome < 0 ? turnAway(outcome, response) : await this.#fill(outcome, response, head)
    // A later put with the same object may come from the same miss, unless this was its put.
    if (isRequest(request) && done.outcome === "stored") this.#builds.forget(request)
    return done
  }

  /** The number of a draft, or why there is none. */
  #draft(request: CacheRequest, head: ResponseHead, given: PutArguments, now: number): number {
    const { vary, names, ttlSeconds, staleWhileRevalidateSeconds, tags } = given
    const { binding } = this.#client
    const since = isRequest(request) ? this.#builds.get(request) : undefined
    const told = this.#client.fields([...names, ...head.vary])
    const { status } = head
    const numbers = { status, ttlSeconds, staleSeconds: staleWhileRevalidateSeconds, since, now }
    return this.#client.call<number>(request, told, "put() request", (text) =>
      native.draft(binding, text, head.text, numbers, vary, tags === "" ? undefined : tags),
    )
  }

  /** Reads the body of a draft and stores it. Releases the draft if anything fails. */
  async #fill(number: number, response: Response, { expected }: ResponseHead): Promise<PutOutcome> {
    const room = native.takeNumber()
    const draft = new Draft(this.#client.binding, number)
    try {
      return await this.#store(draft, takeReader(response), room, expected)
    } finally {
      draft.release()
    }
  }

  async #store(
    draft: Draft,
    reader: Reader | null,
    room: number,
    expected: number | undefined,
  ): Promise<PutOutcome> {
    let body: Awaited<ReturnType<typeof readAll>>
    const receive = (bytes: number) => draft.receive(bytes)
    if (reader !== null) this.#unfinished.register(reader, draft, draft)
    try {
      body = await readAll(reader, { room, expected, receive }, "put() response")
    } catch (error) {
      discard(reader)
      return { outcome: "error", reason: inWords(error), error }
    } finally {
      this.#unfinished.unregister(draft)
    }
    this.#client.assertOpen()
    if (body !== TOO_LARGE && body !== NO_ROOM) return outcomeOf(draft.store(body))
    discard(reader)
    return outcomeOf(body === TOO_LARGE ? draft.refuseTooLarge() : draft.refuseInFlight())
  }
}

/**
 * A response that the addon has decided to store, waiting for its body. Its number is reused once
 * it is stored or released.
 */
class Draft {
  readonly #binding: native.BindingCache
  readonly #number: number
  #isHeld = true

  constructor(binding: native.BindingCache, number: number) {
    this.#binding = binding
    this.#number = number
  }

  /**
   * Counts bytes that are buffered while more are awaited. Returns whether there is room for them.
   */
  receive(bytes: number): boolean {
    return this.#binding.receive(this.#number, bytes)
  }

  store(body: Uint8Array | null): number {
    this.#isHeld = false
    return this.#binding.put(this.#number, body)
  }

  /** Releases the draft because its body is too large. */
  refuseTooLarge(): number {
    this.#isHeld = false
    return this.#binding.refuseTooLarge(this.#number)
  }

  /** Releases the draft because bodies in flight leave no room for it. */
  refuseInFlight(): number {
    this.#isHeld = false
    return this.#binding.refuseInFlight(this.#number)
  }

  /** Releases the draft, unless it is stored or refused. */
  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#binding.abandon(this.#number)
  }
}

/** Takes the body of a put that stores nothing, unless the put is an error. */
function turnAway(outcome: number, response: Response): PutOutcome {
  const demand = native.rejection(outcome)
  if (demand !== undefined)
    throw new CacheTypeError(demand.code, `put() ${demand.subject} ${demand.must}`)
  discard(takeReader(response))
  return outcomeOf(outcome)
}

export function outcomeOf(outcome: number): PutOutcome {
  if (outcome === native.BYPASSED) return { outcome: "bypass" }
  if (outcome === native.FENCED) return { outcome: "fenced", reason: "purged" }
  const reason = native.refusal(outcome)
  return reason === undefined ? { outcome: "stored" } : { outcome: "refused", reason }
}
