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

/** Warns of what is wrong with the disk of an instance, if something is. The addon tells each instance's but once. */
export function warnOfFault(identity: string, fault: string | null | undefined): void {
  if (fault == null) return
  process.emitWarning(`${identity} keeps nothing on disk: ${fault}`, { code: "LAYERON_STORAGE_FAILED" })
}
