import { type Channel, channel } from "node:diagnostics_channel"
import type { CacheChannel, CacheEvent, CacheEventBase } from "../../index.js"

type Operation = CacheEvent["operation"]
type EventOf<O extends Operation> = Extract<CacheEvent, { operation: O }>

/** What an event says beside its operation and instance. */
export type EventDetail<O extends Operation> = Omit<EventOf<O>, "operation" | keyof CacheEventBase>

/** What an event says of the outcome of an operation on one request. */
export type EventOutcome<O extends Exclude<Operation, "purge">> = Pick<
  EventOf<O>,
  "outcome" | "reason"
>

const name = (operation: Operation): CacheChannel => `layeron:cache:${operation}`

const channels: Record<Operation, Channel> = {
  match: channel(name("match")),
  put: channel(name("put")),
  delete: channel(name("delete")),
  purge: channel(name("purge")),
  refresh: channel(name("refresh")),
}

/** Publishes the events of an instance. An event without subscribers is not built. */
export class Events {
  readonly #instance: CacheEventBase
  readonly #observe: ((event: CacheEvent) => void) | undefined

  constructor(
    { identity, namespace, name }: CacheEventBase,
    observe?: (event: CacheEvent) => void,
  ) {
    this.#instance = { identity, namespace, name }
    this.#observe = observe
  }

  /** Whether there are subscribers to the events of an operation. */
  hasSubscribers(operation: Operation): boolean {
    return this.#observe !== undefined || channels[operation].hasSubscribers
  }

  emit<O extends Operation>(operation: O, detail: EventDetail<O>): void {
    // TypeScript does not relate the generic operation to its member of the union.
    const event = { operation, ...this.#instance, ...detail } as unknown as CacheEvent
    channels[operation].publish(event)
    this.#observe?.(event)
  }
}
