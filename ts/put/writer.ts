import type { CacheRequest } from "../../index.js"
import type { NativeClient } from "../client.js"
import { invalid, inWords } from "../errors.js"
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

/** What became of a put that is no error of its caller. */
export interface PutOutcome {
  readonly outcome: "stored" | "refused" | "fenced" | "bypass" | "error"
  readonly reason?: string | undefined
  /** What the body failed with. */
  readonly error?: unknown
}

/** Puts responses: the head decides whether one is stored, and only then its body is read. */
export class Writer {
  readonly #client: NativeClient
  readonly #builds: BuildTracker
  /** Frees the drafts of bodies that nobody will ever finish. */
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
    // What is put for the same object next may come of the same miss, unless this was what the miss
    // has led to.
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

  /** Holds a draft while its body is read. Whatever fails, it is given up here. */
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
 * A response that the addon has decided to store, and that waits for its body. Its number is
 * another's once it is stored or given up.
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
   * Counts bytes of the body that are held while more are waited for. Returns whether there is room
   * for them.
   */
  receive(bytes: number): boolean {
    return this.#binding.receive(this.#number, bytes)
  }

  store(body: Uint8Array | null): number {
    this.#isHeld = false
    return this.#binding.put(this.#number, body)
  }

  /** Gives it up because its body does not fit. */
  refuseTooLarge(): number {
    this.#isHeld = false
    return this.#binding.refuseTooLarge(this.#number)
  }

  /** Gives it up because the bodies in flight leave no room for its body. */
  refuseInFlight(): number {
    this.#isHeld = false
    return this.#binding.refuseInFlight(this.#number)
  }

  /** Gives it up, unless it is stored or refused. */
  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#binding.abandon(this.#number)
  }
}

/** The body of a put that stores nothing is taken all the same, unless the put is an error. */
function turnAway(outcome: number, response: Response): PutOutcome {
  const demand = native.rejection(outcome)
  if (demand !== undefined) throw invalid(demand.code, `put() ${demand.subject} ${demand.must}`)
  discard(takeReader(response))
  return outcomeOf(outcome)
}

export function outcomeOf(outcome: number): PutOutcome {
  if (outcome === native.BYPASSED) return { outcome: "bypass" }
  if (outcome === native.FENCED) return { outcome: "fenced", reason: "purged" }
  const reason = native.refusal(outcome)
  return reason === undefined ? { outcome: "stored" } : { outcome: "refused", reason }
}
