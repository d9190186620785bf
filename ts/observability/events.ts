import { type Channel, channel } from "node:diagnostics_channel"
import type { CacheEvent } from "../../index.js"

type Operation = CacheEvent["operation"]
type Instance = Pick<CacheEvent, "identity" | "namespace" | "name">

const channels: Record<Operation, Channel> = {
  match: channel("layeron:cache:match"),
  put: channel("layeron:cache:put"),
  delete: channel("layeron:cache:delete"),
  purge: channel("layeron:cache:purge"),
  refresh: channel("layeron:cache:refresh"),
}

/** What is told of an operation beside which instance it was on. */
export type EventDetail = Omit<CacheEvent, "operation" | keyof Instance>

/** Tells whoever listens. Nothing is built for an event that nobody listens to. */
export class Events {
  readonly #instance: Instance
  readonly #observe: ((event: CacheEvent) => void) | undefined

  constructor({ identity, namespace, name }: Instance, observe?: (event: CacheEvent) => void) {
    this.#instance = { identity, namespace, name }
    this.#observe = observe
  }

  isHeard(operation: Operation): boolean {
    return this.#observe !== undefined || channels[operation].hasSubscribers
  }

  emit(operation: Operation, detail: EventDetail): void {
    const event: CacheEvent = { operation, ...this.#instance, ...detail }
    channels[operation].publish(event)
    this.#observe?.(event)
  }
}
