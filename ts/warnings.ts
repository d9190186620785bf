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

/** Warns of what has become of the disk of an instance, if anything has. The addon tells each but once. */
export function warnOfDisk(identity: string, warning: string | null | undefined): void {
  if (warning == null) return
  process.emitWarning(`${identity} ${warning}`, { code: "LAYERON_STORAGE_FAILED" })
}
