/**
 * Results of native calls as tagged unions. What a call leaves in the scratch buffer is read here,
 * at once. Only a hit keeps its raw form, in `hit-path`.
 */

import type { CacheTypeErrorCode } from "../../index.js"
import * as native from "./addon.js"
import type { Answer } from "./answer.js"
import { takeAnswer } from "./hit-path.js"
import { numbers, TIME, takeFieldNames, takeNumber } from "./scratch.js"

/** The raw outcome of a call that lacks input, for {@link missingOf}. */
export type Raw = number

/** The entries on disk that a call needs first. */
export class MissingTier {
  readonly kind = "tier"

  /** @param loaded resolves to the number of entries loaded */
  constructor(readonly loaded: Promise<number>) {}
}

/** Input that a call needs before it can be answered. */
export type Missing =
  | { readonly kind: "url" }
  | { readonly kind: "fingerprint" }
  | { readonly kind: "fields"; readonly names: string[] }
  | MissingTier

/** The input that the last call lacked, if its outcome says so. */
export function missingOf(binding: native.BindingCache, outcome: unknown): Missing | undefined {
  switch (outcome) {
    case native.NEEDS_URL:
      return { kind: "url" }
    case native.NEEDS_FIELDS:
      return { kind: "fields", names: takeFieldNames() }
    case native.NEEDS_FINGERPRINT:
      return { kind: "fingerprint" }
    case native.NEEDS_TIER:
      return new MissingTier(binding.completed() ?? Promise.resolve(0))
    default:
      return undefined
  }
}

function isMissing(outcome: number): boolean {
  return (
    outcome === native.NEEDS_URL ||
    outcome === native.NEEDS_FIELDS ||
    outcome === native.NEEDS_FINGERPRINT ||
    outcome === native.NEEDS_TIER
  )
}

/** A fault of this library: its two sides do not agree on what a number means. */
function unexpected(outcome: number): Error {
  return new Error(`the addon returned an unexpected outcome: ${outcome}`)
}

const REASONS = native.uncacheableReasons()

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

const DEMANDS_BY_NUMBER = native.invalidPutReasons().map((reason) => DEMANDS[reason])

/** What became of a response that was to be stored. */
export interface StoreResult {
  readonly outcome: "stored" | "refused" | "fenced" | "bypass"
  readonly reason?: string
}

const STORED: StoreResult = Object.freeze({ outcome: "stored" })

/** The result of a put, or of a body that has ended. */
export function storeResult(outcome: number): StoreResult {
  if (outcome === native.STORED) return STORED
  if (outcome === native.BYPASSED || outcome === native.NOT_STORED) return { outcome: "bypass" }
  if (outcome === native.FENCED) return { outcome: "fenced", reason: "purged" }
  const reason = REASONS[native.UNCACHEABLE - outcome]
  if (reason === undefined) throw unexpected(outcome)
  return { outcome: "refused", reason }
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

/** What a put comes to by the head of its response. */
export type DraftResult =
  /** It is stored once its body, of at most `maxBodyBytes` bytes, is complete. */
  | { readonly kind: "draft"; readonly number: number; readonly maxBodyBytes: number }
  /** It is an error of the caller. */
  | { readonly kind: "invalid"; readonly demand: Demand }
  | { readonly kind: "done"; readonly result: StoreResult }

/**
 * Drafts a put. Numbers cross in the buffer, because each argument costs as much as several of
 * them.
 */
export function draft(
  binding: native.BindingCache,
  request: string,
  head: string,
  { status, ttlSeconds, staleSeconds, since, contentLength, now }: PutNumbers,
  vary: string | undefined,
  tags: string | undefined,
): DraftResult | Raw {
  numbers[0] = status
  numbers[1] = ttlSeconds ?? Number.NaN
  numbers[2] = staleSeconds ?? Number.NaN
  numbers[3] = since ?? Number.NaN
  numbers[4] = contentLength ?? Number.NaN
  numbers[TIME] = now
  const outcome = binding.draft(request, head, vary, tags)
  if (outcome >= 0) return { kind: "draft", number: outcome, maxBodyBytes: takeNumber() }
  if (isMissing(outcome)) return outcome
  const demand = DEMANDS_BY_NUMBER[native.INVALID_PUT - outcome]
  if (demand !== undefined) return { kind: "invalid", demand }
  return { kind: "done", result: storeResult(outcome) }
}

/** What a delete has done in memory, and the number of entries that it deletes on disk. */
export interface DeleteResult {
  readonly outcome: "deleted" | "absent" | "bypass"
  readonly onDisk: Promise<number> | null
}

export function deleteEntry(
  binding: native.BindingCache,
  request: string,
  vary: string | undefined,
  now: number,
): DeleteResult | Raw {
  const outcome = binding.delete(request, vary, now)
  if (isMissing(outcome)) return outcome
  const onDisk = binding.completed()
  if (outcome === native.REMOVED) return { outcome: "deleted", onDisk }
  if (outcome === native.ABSENT) return { outcome: "absent", onDisk }
  if (outcome !== native.BYPASSED) throw unexpected(outcome)
  return { outcome: "bypass", onDisk }
}

/**
 * The number of entries purged; a promise of it if their removal has not ended or a disk has to be
 * written.
 */
export function purge(
  binding: native.BindingCache,
  selector: native.BindingSelector,
  now: number,
): number | Promise<number> {
  const outcome = binding.purge(selector, now)
  return outcome === native.PENDING ? (binding.completed() ?? 0) : outcome
}

/** The fence sequence of the miss that the last lookup returned. */
export function takeSequence(): number {
  return takeNumber()
}

/** Why a request to a wrapped handler is not answered by a hit. */
export type ServeResult =
  | { readonly kind: "run"; readonly run: number }
  | { readonly kind: "wait"; readonly wait: number }
  | { readonly kind: "stale-if-error"; readonly answer: Answer }
  | { readonly kind: "failed"; readonly failure: number; readonly message: string }
  /** `only-if-cached` without a stored response. */
  | { readonly kind: "unavailable"; readonly cacheStatus: string }

export function serveResult(
  binding: native.BindingCache,
  wrapper: native.BindingWrapper,
  outcome: number,
): ServeResult {
  const number = takeNumber()
  switch (outcome) {
    case native.RUN:
      return { kind: "run", run: number }
    case native.WAIT:
      return { kind: "wait", wait: number }
    case native.STALE_IF_ERROR:
      return { kind: "stale-if-error", answer: takeAnswer(binding) }
    case native.FAILED:
      return { kind: "failed", failure: number, message: wrapper.takeText() }
    case native.UNAVAILABLE:
      return { kind: "unavailable", cacheStatus: wrapper.takeText() }
    default:
      throw unexpected(outcome)
  }
}

/** What a request that waits has come to. */
export type WaitResult =
  | { readonly kind: "pending" }
  | { readonly kind: "answer"; readonly answer: Answer }
  /** The request is decided again, on these terms. */
  | { readonly kind: "again"; readonly outcome: number; readonly failure: number }
  | { readonly kind: "failed"; readonly failure: number; readonly message: string }
  /** An answer whose body is in flight. */
  | {
      readonly kind: "shared"
      readonly status: number
      readonly head: string
      readonly reader: number
    }

const AGAIN = [native.AGAIN, native.AGAIN_AFTER_FAILURE, native.AGAIN_ALONE]

export function waitResult(
  binding: native.BindingCache,
  wrapper: native.BindingWrapper,
  outcome: number,
): WaitResult | Raw {
  if (isMissing(outcome)) return outcome
  if (outcome === native.PENDING) return { kind: "pending" }
  if (outcome >= 0) return { kind: "answer", answer: takeAnswer(binding) }
  const number = takeNumber()
  if (AGAIN.includes(outcome)) return { kind: "again", outcome, failure: number }
  const text = wrapper.takeText()
  if (outcome === native.FAILED) return { kind: "failed", failure: number, message: text }
  if (outcome !== native.SHARED) throw unexpected(outcome)
  return { kind: "shared", status: number, head: text, reader: wrapper.readerOf() }
}

/** What happens to a response of a wrapped handler. */
export type ResponseResult =
  /** Its body is written for its client, waiters and the store. */
  | { readonly kind: "stream"; readonly writer: number; readonly head: string }
  /** The client gets a 304; the body is written for waiters and the store. */
  | { readonly kind: "answered"; readonly writer: number; readonly answer: Answer }
  /** The client gets this answer instead. */
  | { readonly kind: "answer"; readonly answer: Answer }
  /** The handler is run again. */
  | { readonly kind: "again" }
  /** It goes to its own client only. */
  | {
      readonly kind: "unshared"
      readonly head: string
      /** It fails a background refresh. */
      readonly isFailure: boolean
      /** Its request was unsafe and succeeded. */
      readonly hasChanged: boolean
      /** Why it is uncacheable, if that is counted. */
      readonly reason: string | undefined
    }

export function responseResult(
  binding: native.BindingCache,
  wrapper: native.BindingWrapper,
  outcome: number,
): ResponseResult | Raw {
  if (isMissing(outcome)) return outcome
  if (outcome >= 0) return { kind: "answer", answer: takeAnswer(binding) }
  switch (outcome) {
    case native.STREAM:
      return { kind: "stream", writer: takeNumber(), head: wrapper.takeText() }
    case native.ANSWERED:
      return { kind: "answered", answer: takeAnswer(binding), writer: wrapper.writerOf() }
    case native.AGAIN:
      return { kind: "again" }
    default:
      return unsharedResult(wrapper.takeText(), outcome)
  }
}

function unsharedResult(head: string, outcome: number): ResponseResult {
  const reason = REASONS[native.UNCACHEABLE - outcome]
  const isFailure = outcome === native.UNSHARED_FAILED
  const hasChanged = outcome === native.UNSHARED_CHANGED
  const isKnown = isFailure || hasChanged || reason !== undefined || outcome === native.UNSHARED
  if (!isKnown) throw unexpected(outcome)
  return { kind: "unshared", head, isFailure, hasChanged, reason }
}

/** What the client of a failed handler gets: a stale answer, or the failure with its number. */
export type FailureResult =
  | { readonly kind: "answer"; readonly answer: Answer }
  | { readonly kind: "failure"; readonly failure: number | undefined }

export function failureResult(binding: native.BindingCache, outcome: number): FailureResult | Raw {
  if (isMissing(outcome)) return outcome
  if (outcome >= 0) return { kind: "answer", answer: takeAnswer(binding) }
  if (outcome === native.FAILED) return { kind: "failure", failure: takeNumber() }
  if (outcome !== native.UNSHARED_FAILED) throw unexpected(outcome)
  return { kind: "failure", failure: undefined }
}

/** What the writer of a body does next. */
export type Progress = "go" | "wait-for-readers" | "stop" | "wrong-length"

const PROGRESS: Record<number, Progress> = {
  [native.GO]: "go",
  [native.WAIT_FOR_READERS]: "wait-for-readers",
  [native.STOP]: "stop",
  [native.WRONG_LENGTH]: "wrong-length",
}

export function progressOf(outcome: number): Progress {
  const progress = PROGRESS[outcome]
  if (progress === undefined) throw unexpected(outcome)
  return progress
}

/** The end of a body: what became of the response, or that its length is wrong. */
export type BodyResult = StoreResult | "wrong-length"

export function bodyResult(outcome: number): BodyResult {
  return outcome === native.WRONG_LENGTH ? "wrong-length" : storeResult(outcome)
}

/** What a reader of a body gets: bytes, nothing yet, or the end, with an error if it broke off. */
export type ReadResult =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "pending" }
  | { readonly kind: "end"; readonly error: string | undefined }

export function readBody(wrapper: native.BindingWrapper, reader: number): ReadResult {
  const read = wrapper.read(reader)
  if (typeof read !== "number") return { kind: "bytes", bytes: read }
  if (read === native.PENDING) return { kind: "pending" }
  if (read === native.BROKEN) return { kind: "end", error: wrapper.takeText() }
  if (read !== native.END) throw unexpected(read)
  return { kind: "end", error: undefined }
}
