import { cache } from "../../../index.mjs"
import { inTurn } from "../../lib/rounds.mjs"

const KEYS = 1_000
const ELECTIONS = 10_000
const BODY = JSON.stringify({ product: "x".repeat(2_000) })

export default async function hits(timing) {
  const quiet = cache({ name: "quiet", ttlSeconds: 3_600 })
  const busy = cache({ name: "busy", ttlSeconds: 3_600, staleWhileRevalidateSeconds: 86_400 })
  await fill(quiet, "fresh", KEYS)
  await fill(busy, "fresh", KEYS)
  await fill(busy, "stale", ELECTIONS)
  await busy.purge({ prefix: "/stale/", soft: true })
  for (let number = 0; number < ELECTIONS; number++) await busy.match(urlOf("stale", number))

  // The clock stands still, so that the leases do not end.
  const now = Date.now()
  Date.now = () => now

  const contestant = (instance, kind) => ({
    prepare: requests(kind),
    call: (request) => instance.match(request),
  })
  const [none, beside, itself] = await inTurn(
    [contestant(quiet, "fresh"), contestant(busy, "fresh"), contestant(busy, "stale")],
    timing,
  )
  const { elections, staleHits } = await busy.inspect()
  if (elections !== ELECTIONS || staleHits === 0) {
    throw new Error("The entries were not what they are said to be.")
  }
  return { none, beside, itself }
}

async function fill(instance, kind, count) {
  for (let number = 0; number < count; number++)
    await instance.put(urlOf(kind, number), new Response(BODY))
}

function requests(kind) {
  const made = Array.from({ length: KEYS }, (_, number) => new Request(urlOf(kind, number)))
  return (count) => Array.from({ length: count }, (_, at) => made[at % KEYS])
}

function urlOf(kind, number) {
  return `https://api.example.com/${kind}/${number}`
}
