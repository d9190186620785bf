import type { CacheHandler } from "../../index.js"
import type { NativeClient } from "../client.js"
import type * as native from "../native/addon.js"
import type { EventOutcome } from "../observability/events.js"
import type { BuildTracker } from "../put/build-tracker.js"
import type { BodyStreams } from "./body-streams.js"
import type { WrapOptions } from "./options.js"

/** What a wrapped handler needs of its instance. */
export interface WrapInstance {
  readonly identity: string
  readonly client: NativeClient
  readonly builds: BuildTracker
  /** Publishes an event. */
  readonly emit: <Operation extends "match" | "put" | "refresh">(
    operation: Operation,
    request: Request,
    outcome: EventOutcome<Operation>,
  ) => void
}

/** What all runs of a wrapped handler share. */
export interface Context<Rest extends unknown[]> extends WrapInstance {
  readonly handler: CacheHandler<Rest>
  readonly wrapping: WrapOptions
  readonly binding: native.BindingWrapper
  readonly bodies: BodyStreams
  /** The key of a request under the wrapper's options. */
  readonly keyOf: (request: Request) => string
}
