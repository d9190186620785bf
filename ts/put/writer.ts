import type { CacheRequest } from "../../index.js"
import type { NativeClient } from "../client.js"
import { CacheTypeError, inWords } from "../errors.js"
import { assertUnused, copyBody, discard, type Reader, takeReader } from "../http/body.js"
import { type ResponseHead, readHead } from "../http/head.js"
import { isRequest } from "../http/request.js"
import { type DraftResult, draft, type StoreResult } from "../native/results.js"
import type { PutArguments } from "../options/arguments.js"
import type { BuildTracker } from "./build-tracker.js"
import { Draft, wrongLength } from "./draft.js"
import { UnfinishedDrafts } from "./unfinished-drafts.js"

const RESPONSE = "put() response"

/** Outcome of a put that is no error of its caller. */
export type PutOutcome =
  | (StoreResult & { readonly error?: undefined })
  /** The body failed, with this error. */
  | { readonly outcome: "error"; readonly reason: string; readonly error: unknown }

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
    // Builds of strings and URLs are tracked by key. Each member of a request costs a getter.
    const tracked = isRequest(request) ? request : undefined
    const head = readHead(response, tracked?.method ?? "GET", RESPONSE)
    assertUnused(response, RESPONSE, head.isUsed)
    const since = tracked === undefined ? undefined : this.#builds.since(tracked)
    const drafted = this.#draft(request, head, given, since, now)
    if (drafted.kind !== "draft") return refuse(drafted, response)
    const held = new Draft(this.#client.binding, drafted.number, drafted.maxBodyBytes)
    try {
      const done = await this.#store(held, takeReader(response), head)
      // A later put with the same object may come from the same miss, unless this was its put.
      if (done.outcome === "stored" && tracked !== undefined) this.#builds.end(tracked)
      return done
    } finally {
      held.release()
    }
  }

  /** Decides about the response by its head. */
  #draft(
    request: CacheRequest,
    head: ResponseHead,
    given: PutArguments,
    since: number | undefined,
    now: number,
  ): DraftResult {
    const { vary, names, ttlSeconds, staleWhileRevalidateSeconds: staleSeconds, tags } = given
    const { binding } = this.#client
    const sent = this.#client.fields(head.vary.length === 0 ? names : [...names, ...head.vary])
    const { status, contentLength } = head
    const numbers = { status, ttlSeconds, staleSeconds, since, contentLength, now }
    return this.#client.call<DraftResult>(request, sent, "put() request", (text) =>
      draft(binding, text, head.text, numbers, vary, tags === "" ? undefined : tags),
    )
  }

  /** Reads the body of a draft and stores it. */
  async #store(held: Draft, reader: Reader | null, head: ResponseHead): Promise<PutOutcome> {
    if (reader !== null) {
      const unfinished = this.#unfinished.add(held, reader)
      try {
        const isWhole = await copyBody(reader, (chunk) => held.append(chunk), RESPONSE)
        if (!isWhole) discard(reader)
      } catch (error) {
        discard(reader)
        return failure(error)
      } finally {
        this.#unfinished.delete(unfinished)
      }
      this.#client.assertOpen()
    }
    const result = held.store(reader !== null)
    if (result !== "wrong-length") return result
    return failure(wrongLength(RESPONSE, head.contentLength))
  }
}

function failure(error: unknown): PutOutcome {
  return { outcome: "error", reason: inWords(error), error }
}

/** Takes the body of a put that stores nothing, unless the put is an error. */
function refuse(drafted: Exclude<DraftResult, { kind: "draft" }>, response: Response): PutOutcome {
  if (drafted.kind === "invalid") {
    const { code, subject, must } = drafted.demand
    throw new CacheTypeError(code, `put() ${subject} ${must}`)
  }
  discard(takeReader(response))
  return drafted.result
}
