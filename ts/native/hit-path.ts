/**
 * The calls that answer a hit, `match` and a wrapped handler, in their raw form: numbers, and an
 * answer left in the scratch buffer. A hit takes about 2 µs; an object with names for each result
 * would cost a tenth of that, and each argument of a call as much. Everything else is in `results`.
 */

import type { BindingCache, BindingWrapper } from "./addon.js"
import { type Answer, LargeAnswer, SmallAnswer } from "./answer.js"
import { numbers, scratch, TIME, WORDS_BYTES, words } from "./scratch.js"

const NO_BODY = 0xffff_ffff

const STALE = 1
const ASCII = 2
const REFRESH = 4
const WAITS = 8

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
    if (handle === null) throw new Error("the large answer of the last call was already taken")
    return new LargeAnswer(status, stale, bodyBytes, handle)
  }
  const end = WORDS_BYTES + headLength + (bodyBytes ?? 0)
  const whole = all ?? scratch.toString("latin1", WORDS_BYTES, end)
  return new SmallAnswer(status, stale, bodyBytes, whole, headLength, (flags & ASCII) !== 0)
}
