import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { CacheEvent } from "@layeron/modules"

export type Operation = CacheEvent["operation"]
export const OPERATIONS: readonly Operation[] = ["match", "put", "delete", "purge"]

const stops: (() => void)[] = []

/** Everything published on the channels of these operations from now on; `stop` ends it. */
export function listen(operations = OPERATIONS): { events: unknown[]; stop: () => void } {
  const events: unknown[] = []
  const hear = (event: unknown) => void events.push(event)
  for (const operation of operations) subscribe(`layeron:cache:${operation}`, hear)
  const stop = () => {
    for (const operation of operations) unsubscribe(`layeron:cache:${operation}`, hear)
  }
  stops.push(stop)
  return { events, stop }
}

/** Ends everything that `listen` began. */
export function deafen(): void {
  for (const stop of stops.splice(0)) stop()
}
