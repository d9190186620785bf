/**
 * S3-FIFO as its authors describe it ("FIFO queues are all you need for cache eviction", 2023): a
 * small queue of a tenth, a main queue, and a ghost queue of keys that were evicted from the small
 * one without a hit.
 */
const SMALL_SHARE = 0.1
const MOST_HITS = 3
/** Hits that move an entry from the small queue to the main queue. */
const ENOUGH_HITS = 2

/** @returns the hit ratio */
export function s3Fifo(keys, capacity) {
  const cache = new S3Fifo(capacity)
  let hits = 0
  for (const key of keys) if (cache.request(key)) hits++
  return hits / keys.length
}

class S3Fifo {
  #capacity
  #mostSmall
  // A Map and a Set keep the order of insertion.
  #small = new Map()
  #main = new Map()
  #ghosts = new Set()

  constructor(capacity) {
    this.#capacity = capacity
    this.#mostSmall = Math.max(1, Math.round(capacity * SMALL_SHARE))
  }

  /** Requests a key, and stores it on a miss. @returns whether it was a hit */
  request(key) {
    const queue = this.#small.has(key) ? this.#small : this.#main
    const hits = queue.get(key)
    if (hits !== undefined) {
      queue.set(key, Math.min(MOST_HITS, hits + 1))
      return true
    }
    while (this.#small.size + this.#main.size >= this.#capacity) this.#evict()
    if (this.#ghosts.delete(key)) this.#main.set(key, 0)
    else this.#small.set(key, 0)
    return false
  }

  #evict() {
    if (this.#small.size >= this.#mostSmall || this.#main.size === 0) this.#evictFromSmall()
    else this.#evictFromMain()
  }

  #evictFromSmall() {
    const [key, hits] = first(this.#small)
    this.#small.delete(key)
    if (hits >= ENOUGH_HITS) this.#main.set(key, 0)
    else this.#remember(key)
  }

  /** Entries with hits stay, at the end of the queue and with one hit less. */
  #evictFromMain() {
    for (;;) {
      const [key, hits] = first(this.#main)
      this.#main.delete(key)
      if (hits === 0) return
      this.#main.set(key, hits - 1)
    }
  }

  #remember(key) {
    this.#ghosts.add(key)
    if (this.#ghosts.size > this.#capacity - this.#mostSmall) {
      const [oldest] = this.#ghosts
      this.#ghosts.delete(oldest)
    }
  }
}

function first(map) {
  return map.entries().next().value
}
