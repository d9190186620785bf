import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { CacheEvent } from "@layeron/modules"

export type Operation = CacheEvent["operation"]
export const OPERATIONS: readonly Operation[] = ["match", "put", "delete", "purge"]

const stops: (() => void)[] = []

/** Collects the events of these operations until `stop` is called. */
export function collectEvents(operations = OPERATIONS): { events: unknown[]; stop: () => void } {
  const events: unknown[] = []
  const record = (event: unknown) => void events.push(event)
  for (const operation of operations) subscribe(`layeron:cache:${operation}`, record)
  const stop = () => {
    for (const operation of operations) unsubscribe(`layeron:cache:${operation}`, record)
  }
  stops.push(stop)
  return { events, stop }
}

/** Stops all collections that `collectEvents` has started. */
export function stopCollecting(): void {
  for (const stop of stops.splice(0)) stop()
}
