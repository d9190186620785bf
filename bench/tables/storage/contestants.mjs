/** The contestants by their files, and the rivals by what they are called in the table. */

export const OURS = "ours"

export const RIVALS = {
  "undici SqliteCacheStore": "sqlite-cache-store",
  "BentoCache, files": "bentocache",
}

/** Of the rivals, the one that is there on some versions of Node only. */
export const NEEDS_SQLITE = "undici SqliteCacheStore"

/** Opens one by its file. */
export async function open(name, options) {
  const contestant = await import(`./contestants/${name}.mjs`)
  return contestant.open(options)
}
