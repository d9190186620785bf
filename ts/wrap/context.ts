import type { CacheHandler } from "../../index.js"
import type { Dialogue } from "../client.js"
import type * as native from "../native/addon.js"
import type { EventDetail } from "../observability/events.js"
import type { Misses } from "../put/build-tracker.js"
import type { Fills } from "./body-streams.js"
import type { Wrapping } from "./wrapping.js"

/** What a wrapped handler needs of the instance. */
export interface Surroundings {
  readonly identity: string
  readonly dialogue: Dialogue
  readonly misses: Misses
  /** Tells whoever listens. */
  readonly tell: (
    operation: "match" | "put" | "refresh",
    request: Request,
    detail: EventDetail,
  ) => void
}

/** What runs of a wrapped handler have in common. */
export interface Context<Rest extends unknown[]> extends Surroundings {
  readonly handler: CacheHandler<Rest>
  readonly wrapping: Wrapping
  readonly binding: native.BindingWrapper
  readonly fills: Fills
  /** The key of a request under the wrapper's options. */
  readonly keyOf: (request: Request) => string
}
