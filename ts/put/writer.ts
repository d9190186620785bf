import type { CacheRequest } from "../../index.js"
import type { NativeClient } from "../client.js"
import { CacheTypeError, inWords } from "../errors.js"
import { assertUnused, copyBody, discard, type Reader, takeReader } from "../http/body.js"
import { type ResponseHead, readHead } from "../http/head.js"
import { isRequest, methodOf } from "../http/request.js"
import * as native from "../native/addon.js"
import type { PutArguments } from "../options/arguments.js"
import type { BuildTracker } from "./build-tracker.js"
import { Draft, wrongLength } from "./draft.js"
import { UnfinishedDrafts } from "./unfinished-drafts.js"

const RESPONSE = "put() response"

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
  readonly #unfinished = new UnfinishedDrafts()

  constructor(client: NativeClient, builds: BuildTracker) {
    this.#client = client
    this.#builds = builds
  }

  async put(
    request: CacheRequest,
    response: Response,
    given: PutArguments,
    now: number,
  ): Promise<PutOutcome> {
    const head = readHead(response, methodOf(request), RESPONSE)
    assertUnused(response, RESPONSE, head.isUsed)
    const outcome = this.#draft(request, head, given, now)
    if (outcome < 0) return turnAway(outcome, response)
    const draft = new Draft(this.#client.binding, outcome, native.takeNumber())
    try {
      const done = await this.#store(draft, takeReader(response), head)
      // A later put with the same object may come from the same miss, unless this was its put.
      if (done.outcome === "stored" && isRequest(request)) this.#builds.forget(request)
      return done
    } finally {
      draft.release()
    }
  }

  /** The number of a draft, or why there is none. */
  #draft(request: CacheRequest, head: ResponseHead, given: PutArguments, now: number): number {
    const { vary, names, ttlSeconds, staleWhileRevalidateSeconds: staleSeconds, tags } = given
    const { binding } = this.#client
    const since = isRequest(request) ? this.#builds.get(request) : undefined
    const sent = this.#client.fields(head.vary.length === 0 ? names : [...names, ...head.vary])
    const { status, contentLength } = head
    const numbers = { status, ttlSeconds, staleSeconds, since, contentLength, now }
    return this.#client.call<number>(request, sent, "put() request", (text) =>
      native.draft(binding, text, head.text, numbers, vary, tags === "" ? undefined : tags),
    )
  }

  /** Reads the body of a draft and stores it. */
  async #store(draft: Draft, reader: Reader | null, head: ResponseHead): Promise<PutOutcome> {
    if (reader !== null) {
      this.#unfinished.add(draft, reader)
      try {
        const isWhole = await copyBody(reader, (chunk) => draft.append(chunk), RESPONSE)
        if (!isWhole) discard(reader)
      } catch (error) {
        discard(reader)
        return failure(error)
      } finally {
        this.#unfinished.delete(draft)
      }
      this.#client.assertOpen()
    }
    const outcome = draft.store(reader !== null)
    if (outcome !== native.WRONG_LENGTH) return outcomeOf(outcome)
    return failure(wrongLength(RESPONSE, head.contentLength))
  }
}

function failure(error: unknown): PutOutcome {
  return { outcome: "error", reason: inWords(error), error }
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
