import { Writable } from "node:stream"
import type { CacheEvent, ObservabilityConfig } from "../../index.js"
import { inWords } from "../errors.js"
import { harmlessly } from "../harmless.js"
import { own } from "../options/check.js"

type Attributes = Record<string, string | number>

/** A metric with its value. */
interface Measurement {
  readonly metric: string
  readonly value: number
  readonly failed: boolean
}

interface Counter {
  add(value: number, attributes: Attributes): void
}

const REDACTED = "[redacted]"

/**
 * Records metrics of events: through OpenTelemetry if the application has it, and as lines of JSON
 * to a sink.
 */
export function observer(config: ObservabilityConfig): (event: CacheEvent) => void {
  const redact = redaction(config.redaction?.fields ?? [])
  const write = lineWriter(config.sink)
  const telemetry = openTelemetry()
  const { success = 1, error = 1 } = config.sampling ?? {}
  return (event) => {
    const measured = measure(event)
    if (measured === undefined || Math.random() >= (measured.failed ? error : success)) return
    // A metric that cannot be delivered must not fail a call.
    if (telemetry !== undefined) {
      harmlessly(() => count(telemetry, measured, redact(attributesOf(event))), complain)
    }
    harmlessly(() => write?.(line(measured, redact(detailsOf(event)))), complain)
  }
}

/** The metric of an event, if there is one. */
function measure(event: CacheEvent): Measurement | undefined {
  const { outcome } = event
  const one = (metric: string): Measurement => ({ metric, value: 1, failed: false })
  if (outcome === "error" || outcome === "failed")
    return { metric: "cache.errors", value: 1, failed: true }
  if (event.operation === "purge") {
    return { metric: "cache.purges", value: event.purged, failed: false }
  }
  if (event.operation === "delete") return one("cache.deletes")
  if (outcome === "hit" || outcome === "stale") return one("cache.hits")
  if (outcome === "miss") return one("cache.misses")
  return outcome === "stored" ? one("cache.puts") : undefined
}

function attributesOf({ namespace, name }: CacheEvent): Attributes {
  return { product: "cache", namespace, name }
}

function detailsOf(event: CacheEvent): Attributes {
  const { operation, outcome } = event
  const { reason, key } = own(event, ["reason", "key"])
  return {
    ...attributesOf(event),
    operation,
    outcome,
    ...(reason === undefined ? {} : { reason: reason as string }),
    ...(key === undefined ? {} : { key: key as string }),
  }
}

function redaction(fields: readonly string[]): (attributes: Attributes) => Attributes {
  if (fields.length === 0) return (attributes) => attributes
  const hidden = new Set(fields)
  return (attributes) =>
    Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [
        name,
        hidden.has(name) ? REDACTED : value,
      ]),
    )
}

function line({ metric, value }: Measurement, details: Attributes): string {
  return JSON.stringify({ time: new Date(Date.now()).toISOString(), metric, value, ...details })
}

function lineWriter(sink: ObservabilityConfig["sink"]): ((line: string) => unknown) | undefined {
  if (sink === undefined || typeof sink === "function") return sink
  const target = sink === "stdout" ? process.stdout : sink === "stderr" ? process.stderr : sink
  if (target instanceof Writable) return (text) => writeTo(target, `${text}\n`)
  return (text) => target.write(`${text}\n`)
}

/**
 * Writes to a stream of Node. A stream reports failures by an event, which ends the process without
 * a listener.
 */
function writeTo(stream: Writable, text: string): void {
  stream.write(text, (error) => {
    if (error == null) return
    if (stream.listenerCount("error") === 0) stream.once("error", () => {})
    complain(error)
  })
}

interface Meter {
  createCounter(name: string): Counter
}

interface Telemetry {
  readonly metrics: { getMeter(name: string): Meter }
}

/** The meter of the counters. The application replaces it when it sets OpenTelemetry up. */
let meter: Meter | undefined
const counters = new Map<string, Counter>()

function count(telemetry: Telemetry, { metric, value }: Measurement, attributes: Attributes): void {
  const current = telemetry.metrics.getMeter("@layeron/modules")
  if (current !== meter) {
    meter = current
    counters.clear()
  }
  const counter = counters.get(metric) ?? meter.createCounter(metric)
  counters.set(metric, counter)
  counter.add(value, attributes)
}

/** The application installs OpenTelemetry's API; without it nothing is counted. */
function openTelemetry(): Telemetry | undefined {
  try {
    return require("@opentelemetry/api")
  } catch (error) {
    if ((error as NodeJS.ErrnoException | null | undefined)?.code !== "MODULE_NOT_FOUND")
      complain(error)
    return undefined
  }
}

let complained = false

/** Warns once about an event or a metric that could not be delivered. */
export function complain(error: unknown): void {
  if (complained) return
  complained = true
  process.emitWarning(`a metric of the cache could not be delivered: ${inWords(error)}`, {
    code: "LAYERON_OBSERVABILITY",
  })
}
