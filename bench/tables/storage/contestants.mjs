/** The contestants by their files, and the rivals by their name in the table. */

export const OURS = "ours"

export const RIVALS = {
  "undici SqliteCacheStore": "sqlite-cache-store",
  "BentoCache, files": "bentocache",
}

/** The rival that exists on some versions of Node only. */
export const NEEDS_SQLITE = "undici SqliteCacheStore"

/** Opens a contestant by its file. */
export async function open(name, options) {
  const contestant = await import(`./contestants/${name}.mjs`)
  return contestant.open(options)
}
