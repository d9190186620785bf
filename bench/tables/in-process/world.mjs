/** Entries and requests of all contestants of a process. */
import { seeded, zipf } from "../../lib/random.mjs"

const SEED = 20_260_901
const DRAWN = 16_384

/** A JSON body of `bytes` bytes, with or without accented letters. */
export function bodyOf(number, { bytes, accents }) {
  const head = `{"id":${number},"text":"`
  const filling = bytes - head.length - 2
  // An accented letter has two bytes.
  const text = accents ? "é".repeat(filling >> 1) + "e".repeat(filling & 1) : "e".repeat(filling)
  return `${head}${text}"}`
}

export function headersOf(number) {
  return {
    "content-type": "application/json",
    "cache-control": "public, max-age=3600",
    etag: etagOf(number),
    "last-modified": "Tue, 15 Sep 2026 08:00:00 GMT",
  }
}

export function etagOf(number) {
  return `"${number}-v1"`
}

export function urlOf(number) {
  return `https://api.example.com/api/products/${number}?currency=chf`
}

/** Numbers of entries, the same in each run: a few of them often, most of them rarely. */
export function popular(entries) {
  const draw = zipf(entries, seeded(SEED))
  return Array.from({ length: DRAWN }, draw)
}
