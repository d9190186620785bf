const INTERVAL_MS = 60_000

/** When an instance was last warned of. */
const warned = new Map<string, number>()

/** Warns that refreshes of an instance fail: once a minute, for there may be many and nobody waits for them. */
export function warnOfRefresh(identity: string, reason: string | undefined): void {
  const now = Date.now()
  const last = warned.get(identity)
  if (last !== undefined && Math.abs(now - last) < INTERVAL_MS) return
  warned.set(identity, now)
  process.emitWarning(`a refresh of ${identity} in the background has failed: ${reason}`, {
    code: "LAYERON_REFRESH_FAILED",
  })
}

/** Whose fault has been told of. */
const faulty = new Set<string>()

/** Warns of what has become of the disk of an instance, if anything has. The addon tells each but once. */
export function warnOfDisk(identity: string, warning: string | null | undefined): void {
  if (warning == null) return
  faulty.add(identity)
  process.emitWarning(`${identity} ${warning}`, { code: "LAYERON_STORAGE_FAILED" })
}

/** The same of what the end of an instance has come to, unless there was a warning before. */
export function warnOfEnd(identity: string, warning: string): void {
  if (!faulty.delete(identity))
    process.emitWarning(`${identity} ${warning}`, { code: "LAYERON_STORAGE_FAILED" })
}
