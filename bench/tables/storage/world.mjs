/** What all contestants keep. */

export const PRODUCTS = "https://api.example.com/api/products/"
export const SPARE = "https://api.example.com/api/spare/"

const CATEGORIES = 1_000
/**
 * Walks through any number of entries up to a million in no order, and through all before one comes
 * again; a prime.
 */
const STRIDE = 7_368_787

/** A body of JSON that is `bytes` long. */
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

/** As in the guide: one of its own, and one that it shares. */
export function tagsOf(number) {
  return [`product:${number}`, `category:${number % CATEGORIES}`]
}

export function responseOf(number, bytes) {
  return new Response(bodyOf(number, bytes), { headers: headersOf(number) })
}

export function urlOf(number) {
  return `${PRODUCTS}${number}`
}

/** The numbers of so many entries, one after the other, so that none comes again soon. */
export function* walk(entries) {
  for (let step = 1; ; step++) yield (step * STRIDE) % entries
}

/** Fills a contestant, which writes at its own pace. */
export async function fill(contestant, entries, bytes) {
  /** Between two of these nobody holds back more than some megabytes. */
  const together = 10_000
  for (let number = 0; number < entries; number++) {
    await contestant.put(urlOf(number), responseOf(number, bytes), tagsOf(number))
    if (number % together === together - 1) await contestant.flush()
  }
  await contestant.flush()
}

/** What is fast and wrong is no rival: an entry has to come back as it was put. */
export async function assertRight(contestant, number, bytes) {
  const found = await contestant.match(urlOf(number))
  const isRight =
    found?.headers.get("etag") === `"${number}-v1"` &&
    (await found.text()) === bodyOf(number, bytes)
  if (!isRight) throw new Error("The response is another one.")
}
