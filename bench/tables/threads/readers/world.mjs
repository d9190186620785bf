/** The reads of each thread: its own requests for the same entries. */
import { threadId } from "node:worker_threads"
import { seeded, zipf } from "../../../lib/random.mjs"

const ENTRIES = 1_000
const DRAWN = 8_192
export const BODY = JSON.stringify({ text: "e".repeat(2_037) })
export const HEADERS = {
  "content-type": "application/json",
  "cache-control": "public, max-age=3600",
}

export const REQUESTS = Array.from(
  { length: ENTRIES },
  (_, number) => new Request(`https://api.example.com/api/products/${number}`),
)

const draw = zipf(ENTRIES, seeded(threadId))
const drawn = Array.from({ length: DRAWN }, () => REQUESTS[draw()])

export function requestAt(number) {
  return drawn[number % DRAWN]
}
