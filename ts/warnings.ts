const INTERVAL_MS = 60_000

/** When an instance was last warned about. */
const warned = new Map<string, number>()

/** Warns that refreshes of an instance fail, once a minute. */
export function warnOfRefresh(identity: string, reason: string | undefined): void {
  const now = Date.now()
  const last = warned.get(identity)
  if (last !== undefined && Math.abs(now - last) < INTERVAL_MS) return
  warned.set(identity, now)
  process.emitWarning(`a refresh of ${identity} in the background has failed: ${reason}`, {
    code: "LAYERON_REFRESH_FAILED",
  })
}

/** Instances with a reported error of their disk. */
const faulty = new Set<string>()

/** A warning about the disk of an instance. */
interface DiskWarning {
  readonly identity: string
  readonly message: string
  /** Whether the disk works again. */
  readonly hasRecovered: boolean
}

/** Gives a warning about the disk of an instance. The addon gives each only once. */
export function warnOfDisk({ identity, message, hasRecovered }: DiskWarning): void {
  if (hasRecovered) faulty.delete(identity)
  else faulty.add(identity)
  const code = hasRecovered ? "LAYERON_STORAGE_RECOVERED" : "LAYERON_STORAGE_FAILED"
  process.emitWarning(`${identity} ${message}`, { code })
}

/** Warns about the end of an instance, unless there was a warning before. */
export function warnOfEnd(identity: string, warning: string): void {
  if (!faulty.delete(identity))
    process.emitWarning(`${identity} ${warning}`, { code: "LAYERON_STORAGE_FAILED" })
}

const warnedOfCookies = new Set<string>()

/**
 * Warns once per instance that a response to a request with cookies is not stored, and lists the
 * alternatives.
 */
export function warnOfCookies(identity: string): void {
  if (warnedOfCookies.has(identity)) return
  warnedOfCookies.add(identity)
  process.emitWarning(
    `${identity} has not stored the response to a request with cookies: a configured lifetime does not say whether responses ` +
      'depend on cookies. Put "cookie" into vary if they do; name the cookies in the bypass of a rule if some responses do; ' +
      'set cookies: "ignore" if none does, which removes the header before the handler runs; or have the response say that ' +
      "it may be shared, by Cache-Control: public, s-maxage or max-age",
    { code: "LAYERON_COOKIE" },
  )
}
