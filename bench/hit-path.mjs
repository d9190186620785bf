/** What elections cost a hit: with none, beside ten thousand of them, and on an entry that is itself being refreshed. */
import { cache } from "../index.mjs"
import { compare, table } from "./rounds.mjs"

const KEYS = 1_000
const ELECTIONS = 10_000
const BODY = JSON.stringify({ product: "x".repeat(2_000) })

const url = (kind, number) => `https://api.example.com/${kind}/${number}`
const requests = (kind) => Array.from({ length: KEYS }, (_, number) => new Request(url(kind, number)))

async function fill(instance, kind, count) {
  for (let number = 0; number < count; number++) await instance.put(url(kind, number), new Response(BODY))
}

const quiet = cache({ name: "quiet", ttlSeconds: 3_600 })
const busy = cache({ name: "busy", ttlSeconds: 3_600, staleWhileRevalidateSeconds: 86_400 })
await fill(quiet, "fresh", KEYS)
await fill(busy, "fresh", KEYS)
await fill(busy, "stale", ELECTIONS)
await busy.purge({ prefix: "/stale/", soft: true })
for (let number = 0; number < ELECTIONS; number++) await busy.match(url("stale", number))

// Elections end after half a minute; for as long as this runs, they do not.
const now = Date.now()
Date.now = () => now

const fresh = requests("fresh")
const stale = requests("stale")
table(
  await compare({
    "no elections": (number) => quiet.match(fresh[number % KEYS]),
    "beside 10,000 elections": (number) => busy.match(fresh[number % KEYS]),
    "on an entry with an election": (number) => busy.match(stale[number % KEYS]),
  }),
)
const { elections, staleHits } = await busy.inspect()
if (elections !== ELECTIONS || staleHits === 0)
  throw new Error("the entries were not what they are said to be")
