import type { CacheRequest } from "../index.js"
import type { PutArguments } from "./arguments.js"
import { assertUnused, discard, NO_ROOM, type Reader, readAll, TOO_LARGE, takeReader } from "./body.js"
import type { Dialogue } from "./dialogue.js"
import { invalid } from "./errors.js"
import { type ResponseHead, readHead } from "./head.js"
import type { Misses } from "./misses.js"
import * as native from "./native.js"
import { isRequest, methodOf } from "./request.js"

/** What became of a put that is no error of its caller. */
export interface PutOutcome {
  readonly outcome: "stored" | "refused" | "fenced" | "bypass" | "error"
  readonly reason?: string | undefined
  /** What the body failed with. */
  readonly error?: unknown
}

/** Puts responses: the head decides whether one is stored, and only then its body is read. */
export class Writer {
  readonly #dialogue: Dialogue
  readonly #misses: Misses
  /** Frees the drafts of bodies that nobody will ever finish. */
  readonly #unfinished: FinalizationRegistry<number>

  constructor(dialogue: Dialogue, misses: Misses) {
    this.#dialogue = dialogue
    this.#misses = misses
    this.#unfinished = new FinalizationRegistry((draft) => dialogue.binding.abandon(draft))
  }

  async put(
    request: CacheRequest,
    response: Response,
    given: PutArguments,
    now: number,
  ): Promise<PutOutcome> {
    const head = readHead(response, methodOf(request), "put() response")
    assertUnused(response, "put() response")
    const draft = this.#draft(request, head, given, now)
    const done =
      draft < 0
        ? turnAway(draft, response)
        : await this.#store(draft, native.takeNumber(), takeReader(response), head.expected)
    // What is put for the same object next may come of the same miss, unless this was what the miss has led to.
    if (isRequest(request) && done.outcome === "stored") this.#misses.forget(request)
    return done
  }

  /** The number of a draft, or why there is none. */
  #draft(request: CacheRequest, head: ResponseHead, given: PutArguments, now: number): number {
    const { vary, names, ttlSeconds, staleWhileRevalidateSeconds, tags } = given
    const { binding } = this.#dialogue
    const since = isRequest(request) ? this.#misses.get(request) : undefined
    const told = this.#dialogue.told([...names, ...head.vary])
    const { status } = head
    const numbers = { status, ttlSeconds, staleSeconds: staleWhileRevalidateSeconds, since, now }
    return this.#dialogue.ask<number>(request, told, "put() request", (text) =>
      native.draft(binding, text, head.text, numbers, vary, tags === "" ? undefined : tags),
    )
  }

  async #store(
    draft: number,
    room: number,
    reader: Reader | null,
    expected: number | undefined,
  ): Promise<PutOutcome> {
    const { binding } = this.#dialogue
    let body: Awaited<ReturnType<typeof readAll>>
    const receive = (bytes: number) => binding.receive(draft, bytes)
    if (reader !== null) this.#unfinished.register(reader, draft, reader)
    try {
      body = await readAll(reader, { room, expected, receive }, "put() response")
    } catch (error) {
      discard(reader)
      binding.abandon(draft)
      return { outcome: "error", reason: String(error), error }
    } finally {
      if (reader !== null) this.#unfinished.unregister(reader)
    }
    this.#dialogue.assertOpen()
    if (body !== TOO_LARGE && body !== NO_ROOM) return outcomeOf(binding.put(draft, body))
    discard(reader)
    return outcomeOf(body === TOO_LARGE ? binding.refuseTooLarge(draft) : binding.refuseInFlight(draft))
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
