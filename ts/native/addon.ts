/** The only importer of the addon: its classes, constants and constructors. */

import { BindingCache, type BindingOptions } from "../../native.js"
import { CacheError } from "../errors.js"
import { scratch } from "./scratch.js"

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
  type BindingSelector,
  BindingSweeper,
  type BindingTerms,
  BindingTicker,
  type BindingWrapOptions,
  BindingWrapper,
  BROKEN,
  BYPASSED,
  END,
  FAILED,
  FENCED,
  flushAll,
  GO,
  INVALID_PUT,
  invalidPutReasons,
  NEEDS_FIELDS,
  NEEDS_FINGERPRINT,
  NEEDS_TIER,
  NEEDS_URL,
  NOT_STORED,
  PENDING,
  patternError,
  REFRESH,
  REMOVED,
  RUN,
  SHARED,
  STALE_IF_ERROR,
  STOP,
  STORED,
  STREAM,
  UNAVAILABLE,
  UNCACHEABLE,
  UNSHARED,
  UNSHARED_CHANGED,
  UNSHARED_FAILED,
  uncacheableReasons,
  WAIT,
  WAIT_FOR_READERS,
  WRONG_LENGTH,
} from "../../native.js"

export function openBinding(options: BindingOptions): BindingCache {
  try {
    return new BindingCache(options, scratch)
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
