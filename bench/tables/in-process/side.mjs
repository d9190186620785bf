/** One contestant in a process, with its requests. */
import { bodyOf, etagOf, headersOf, popular, urlOf } from "./world.mjs"

export class Side {
  #size
  #drawn
  #requests = new Map()
  #conditional = new Map()
  #next
  /** Requests that responses are put for. */
  #spare

  constructor(contestant, size) {
    this.cache = contestant
    this.#size = size
    this.#drawn = popular(size.entries)
    this.#next = 0
    this.#spare = size.entries
  }

  async fill() {
    for (let number = 0; number < this.#size.entries; number++) {
      await this.cache.put(this.request(number), this.response(number))
    }
  }

  /** Requests for stored entries, the same objects each time. */
  hits(count) {
    return this.#draw(count, this.#requests, () => ({}))
  }

  conditional(count) {
    return this.#draw(count, this.#conditional, (number) => ({ "if-none-match": etagOf(number) }))
  }

  #draw(count, requests, headersFor) {
    return Array.from({ length: count }, () => {
      const number = this.#drawn[this.#next++ % this.#drawn.length]
      let request = requests.get(number)
      if (request === undefined) {
        request = this.request(number, headersFor(number))
        requests.set(number, request)
      }
      return request
    })
  }

  /** Requests for missing entries, each a new object, as a server creates them. */
  misses(count) {
    return Array.from({ length: count }, (_, at) => this.request(this.#spare + at))
  }

  /** Requests after a miss, each with a response to put. */
  async puts(count) {
    const requests = this.misses(count)
    if (!this.cache.leftOut?.miss) for (const request of requests) await this.cache.match(request)
    return requests.map((request, at) => ({ request, response: this.response(this.#spare + at) }))
  }

  /** Requests for entries that no other operation uses. */
  async deletes(count) {
    const puts = await this.puts(count)
    for (const { request, response } of puts) await this.cache.put(request, response)
    return puts.map(({ request }) => request)
  }

  request(number, headers = {}) {
    const make = this.cache.request ?? ((url, init) => new Request(url, init))
    return make(urlOf(number), { headers })
  }

  response(number) {
    const make = this.cache.response ?? ((body, init) => new Response(body, init))
    return make(bodyOf(number, this.#size), { headers: headersOf(number) })
  }
}
