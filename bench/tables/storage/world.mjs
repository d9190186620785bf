/** The entries of all contestants. */

export const PRODUCTS = "https://api.example.com/api/products/"
export const SPARE = "https://api.example.com/api/spare/"

const CATEGORIES = 1_000
/**
 * Step of a walk through up to a million entries in no order, each once before one is repeated; a
 * prime.
 */
const STRIDE = 7_368_787

/** A JSON body of `bytes` bytes. */
export function bodyOf(number, bytes) {
  const head = `{"id":${number},"text":"`
  return `${head}${"e".repeat(bytes - head.length - 2)}"}`
}

export function headersOf(number) {
  return {
    "content-type": "application/json",
    "cache-control": "public, max-age=86400",
    etag: `"${number}-v1"`,
    "last-modified": "Tue, 15 Sep 2026 08:00:00 GMT",
  }
}

/** As in the guide: one tag of its own, and a shared one. */
export function tagsOf(number) {
  return [`product:${number}`, `category:${number % CATEGORIES}`]
}

export function responseOf(number, bytes) {
  return new Response(bodyOf(number, bytes), { headers: headersOf(number) })
}

export function urlOf(number) {
  return `${PRODUCTS}${number}`
}

/** Numbers of entries in turn, so that none is repeated soon. */
export function* walk(entries) {
  for (let step = 1; ; step++) yield (step * STRIDE) % entries
}

/** Fills a contestant, and waits for its writes. */
export async function fill(contestant, entries, bytes) {
  /** Puts between two flushes: a few megabytes. */
  const together = 10_000
  for (let number = 0; number < entries; number++) {
    await contestant.put(urlOf(number), responseOf(number, bytes), tagsOf(number))
    if (number % together === together - 1) await contestant.flush()
  }
  await contestant.flush()
}

/** Checks a contestant: an entry has to be returned as it was put. */
export async function assertRight(contestant, number, bytes) {
  const found = await contestant.match(urlOf(number))
  const isRight =
    found?.headers.get("etag") === `"${number}-v1"` &&
    (await found.text()) === bodyOf(number, bytes)
  if (!isRight) throw new Error("The response is another one.")
}
