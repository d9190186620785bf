/**
 * The only importer of the addon. Answers cross in one buffer, which is read before the next call;
 * only copies leave this file.
 */

import type { CacheTypeErrorCode } from "../../index.js"
import {
  BindingCache,
  type BindingOptions,
  type BindingWrapOptions,
  BindingWrapper,
  INVALID_PUT,
  invalidPutReasons,
  UNCACHEABLE,
  uncacheableReasons,
} from "../../native.js"
import { CacheError } from "../errors.js"
import { type Answer, LargeAnswer, SmallAnswer } from "./answer.js"

export {
  ABSENT,
  AGAIN,
  AGAIN_AFTER_FAILURE,
  AGAIN_ALONE,
  ANSWERED,
  type BindingAnswer,
  BindingCache,
  type BindingDisk,
  type BindingExplainedEntry,
  type BindingExplanation,
  type BindingHandlerResponse,
  type BindingOptions,
  type BindingRule,
  type BindingRun,
  BindingSweeper,
  type BindingTerms,
  BindingTicker,
  type BindingWrapOptions,
  BindingWrapper,
  BODY,
  BROKEN,
  BYPASSED,
  ELECTED,
  END,
  FAILED,
  FENCED,
  flushAll,
  GO,
  NEEDS_FIELDS,
  NEEDS_FINGERPRINT,
  NEEDS_TIER,
  NEEDS_URL,
  NO_COMPLETION,
  NOT_STORED,
  PASS_CHANGED,
  PASS_FAILED,
  PENDING,
  patternError,
  REMOVED,
  RUN,
  SHARED,
  STALE_IF_ERROR,
  STOP,
  STORED,
  UNAVAILABLE,
  WAIT,
  WAIT_FOR_READERS,
  WRONG_LENGTH,
} from "../../native.js"

const REFUSALS = uncacheableReasons()

/** What an argument of a put must be. */
export interface Demand {
  readonly code: CacheTypeErrorCode
  readonly subject: "request" | "response"
  readonly must: string
}

const DEMANDS: Record<string, Demand> = {
  "partial-content": {
    code: "LAYERON_INVALID_RESPONSE",
    subject: "response",
    must: "must not be a 206 (Partial Content)",
  },
  "vary-any": {
    code: "LAYERON_INVALID_RESPONSE",
    subject: "response",
    must: "must not have a Vary of *",
  },
  method: {
    code: "LAYERON_INVALID_REQUEST",
    subject: "request",
    must: "must be a GET or HEAD, or of a method that a rule covering it lists",
  },
}

const REJECTIONS = invalidPutReasons().map((reason) => DEMANDS[reason])

/** Bytes of the four words at the start of the buffer. */
const WORDS_BYTES = 16
const NO_BODY = 0xffff_ffff

const STALE = 1
const ASCII = 2
const REFRESH = 4
const WAITS = 8

/** Up to this size a copy costs less than a handle. */
const SCRATCH_BYTES = 32 * 1024

const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
const words = new DataView(scratch.buffer)
/**
 * Status, lifetime, stale window, fence sequence of a miss, length of the body, and time. NaN means
 * none.
 */
const numbers = new Float64Array(scratch.buffer, SCRATCH_BYTES - 48, 6)
const TIME = 5

export function openBinding(
  options: BindingOptions,
  notify: (number: number) => void,
): BindingCache {
  try {
    return new BindingCache(options, scratch, notify)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== "storage-conflict") throw error
    const identity = `${options.namespace}/${options.name}`
    throw new CacheError(
      "LAYERON_STORAGE_CONFLICT",
      `${identity} is open with another storage: ${message}`,
    )
  }
}

/** Numbers for a put. */
export interface PutNumbers {
  readonly status: number
  readonly ttlSeconds: number | undefined
  readonly staleSeconds: number | undefined
  readonly since: number | undefined
  readonly contentLength: number | undefined
  readonly now: number
}

/**
 * Drafts a put. Numbers cross in the buffer, because each argument costs as much as several of
 * them.
 */
export function draft(
  binding: BindingCache,
  request: string,
  head: string,
  { status, ttlSeconds, staleSeconds, since, contentLength, now }: PutNumbers,
  vary: string | undefined,
  tags: string | undefined,
): number {
  numbers[0] = status
  numbers[1] = ttlSeconds ?? Number.NaN
  numbers[2] = staleSeconds ?? Number.NaN
  numbers[3] = since ?? Number.NaN
  numbers[4] = contentLength ?? Number.NaN
  numbers[TIME] = now
  return binding.draft(request, head, vary, tags)
}

/** The addon's lookup for one declaration. */
export type LookUp = ReturnType<BindingCache["lookUpFunction"]>

/**
 * Looks a request up. Only its text crosses as an argument: each argument costs a tenth of the
 * lookup. Returns an answer as one string of bytes, or the number of another outcome.
 */
export function lookUp(
  call: LookUp,
  text: string,
  vary: string | undefined,
  now: number,
): string | number {
  numbers[TIME] = now
  return vary === undefined ? call(text) : call(text, vary)
}

export function openWrapper(
  binding: BindingCache,
  wrapping: BindingWrapOptions,
  notify: (number: number) => void,
): BindingWrapper {
  return new BindingWrapper(binding, wrapping, notify)
}

/**
 * Why a request to a wrapped handler is decided again: the outcome of its wait, with its number.
 */
export interface Retry {
  readonly outcome: number
  readonly failure: number
}

/** Decides how a request to a wrapped handler is answered. */
export function serve(
  wrapper: BindingWrapper,
  text: string,
  retry: Retry | undefined,
  now: number,
): number {
  numbers[TIME] = now
  return retry === undefined
    ? wrapper.serve(text)
    : wrapper.serveAgain(text, retry.outcome, retry.failure)
}

/** Whether the caller refreshes the answer of the last call. */
export function isToRefresh(): boolean {
  return (words.getUint32(12, true) & REFRESH) !== 0
}

/** The answer of the last call; `all` of it if it crossed as a string of bytes. */
export function takeAnswer(binding: BindingCache, all?: string): Answer {
  const status = words.getUint32(0, true)
  const headLength = words.getUint32(4, true)
  const bodyLength = words.getUint32(8, true)
  const flags = words.getUint32(12, true)
  const stale = (flags & STALE) !== 0
  const bodyBytes = bodyLength === NO_BODY ? undefined : bodyLength
  if ((flags & WAITS) !== 0) {
    const handle = binding.takeAnswer()
    if (handle === null) throw new Error("the answer that waits was taken before")
    return new LargeAnswer(status, stale, bodyBytes, handle)
  }
  const end = WORDS_BYTES + headLength + (bodyBytes ?? 0)
  const whole = all ?? scratch.toString("latin1", WORDS_BYTES, end)
  return new SmallAnswer(status, stale, bodyBytes, whole, headLength, (flags & ASCII) !== 0)
}

/** The field names that the last call asked for. */
export function takeWantedFields(): string[] {
  const length = words.getUint32(4, true)
  return scratch
    .toString("latin1", WORDS_BYTES, WORDS_BYTES + length)
    .trimEnd()
    .split("\n")
}

/**
 * The number that the last call left, such as the largest body that a draft can store, or the
 * sequence that a miss saw.
 */
export function takeNumber(): number {
  return words.getFloat64(0, true)
}

/** What a rejected put should have been, or `undefined` where `outcome` is no rejection. */
export function rejection(outcome: number): Demand | undefined {
  return REJECTIONS[INVALID_PUT - outcome]
}

/** Why a put is uncacheable, or `undefined` if `outcome` is another one. */
export function refusal(outcome: number): string | undefined {
  return REFUSALS[UNCACHEABLE - outcome]
}
