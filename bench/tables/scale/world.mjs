/**
 * A million products, each in one of a thousand categories. Now and then a product is replaced by
 * another one with another URL.
 */

const BYTES = 512
const CATEGORIES = 1_000

export function urlOf(slot, generation) {
  return `https://api.example.com/api/products/${slot}-${generation}`
}

export function bodyOf(slot) {
  const head = `{"id":${slot},"text":"`
  return `${head}${"e".repeat(BYTES - head.length - 2)}"}`
}

export function headersOf(slot) {
  return {
    "content-type": "application/json",
    "cache-control": "public, max-age=86400",
    etag: `"${slot}-v1"`,
  }
}

/** As in the guide: one tag of its own, and a shared one. */
export function tagsOf(slot) {
  return [`product:${slot}`, `category:${slot % CATEGORIES}`]
}

/** Bytes of key, headers and body, which every store has to keep. */
export function payloadOf(slot, key) {
  const headers = Object.entries(headersOf(slot)).flat().join("")
  return key.length + headers.length + BYTES
}

export function responseOf(slot) {
  return new Response(bodyOf(slot), { headers: headersOf(slot) })
}

export function put(cache, slot, generation) {
  return cache.put(urlOf(slot, generation), responseOf(slot), tagsOf(slot))
}
