/** Hits over HTTP: the storefront's product route, beside other ways to serve it. */
import { against, leftOut, ratios } from "../../lib/rows.mjs"
import { loader } from "./load.mjs"
import { nginxInFrontOf } from "./nginx.mjs"
import { PATHS } from "./paths.mjs"
import { APPLICATIONS, serve } from "./servers.mjs"

const LONG = { warmUpSeconds: 3, roundSeconds: 2 }
const QUICK = { warmUpSeconds: 1, roundSeconds: 1 }

const OURS = ["match and put", "gateway"]
const NGINX = "nginx in front of no cache"
const JUDGED = "constant"
const RIVALS = [JUDGED, "lru-cache in the handler", "no cache", NGINX]

export default async function http({ quick, rounds }) {
  const { name, load } = await loader()
  const servers = {}
  try {
    for (const [what, application] of Object.entries(APPLICATIONS))
      servers[what] = await serve(application)
    const nginx = await nginxInFrontOf(servers["no cache"].origin)
    if (nginx !== undefined) servers[NGINX] = nginx
    await assertHits(servers)
    const rates = await inTurn(servers, load, { rounds, ...(quick ? QUICK : LONG) })
    return {
      title: "HTTP",
      note:
        `Thousands of requests per second for ${PATHS.length} products, one after the other, over 32 connections, by ${name}. All but nginx are served by ` +
        "`layer dev`, in one process each.",
      sections: OURS.map((ours) => ratios(`Ours: ${ours}`, rowsOf(ours, rates))),
    }
  } finally {
    await Promise.all(Object.values(servers).map(({ stop }) => stop()))
  }
}

function rowsOf(ours, rates) {
  return RIVALS.map((rival) => {
    const what = "hits over HTTP"
    if (rates[rival] === undefined) {
      return leftOut({ what, rival, because: "nginx is not installed, and could not be" })
    }
    const target = rival === JUDGED ? "http" : undefined
    return against({ what, rival, unit: "k/s", ours: rates[ours], theirs: rates[rival], target })
  })
}

async function inTurn(servers, load, { rounds, warmUpSeconds, roundSeconds }) {
  const names = Object.keys(servers)
  const rates = Object.fromEntries(names.map((name) => [name, []]))
  for (const name of names) await load(servers[name].origin, warmUpSeconds)
  for (let round = 0; round < rounds; round++) {
    for (const name of names) {
      rates[name].push((await load(servers[name].origin, roundSeconds)) / 1_000)
    }
  }
  return rates
}

/**
 * Checks a contestant: all have to answer with the same product, and those with a cache from the
 * cache.
 */
async function assertHits(servers) {
  const expected = await (await fetch(servers["no cache"].origin + PATHS[6])).text()
  for (const [name, { origin }] of Object.entries(servers)) {
    for (const path of PATHS) await (await fetch(origin + path)).arrayBuffer()
    const response = await fetch(origin + PATHS[6])
    if ((await response.text()) !== expected)
      throw new Error(`${name} answers with something else.`)
    const status = response.headers.get("cache-status") ?? response.headers.get("x-cache")
    const isHit = OURS.includes(name) ? /; hit/.test(status) : name !== NGINX || status === "HIT"
    if (!isHit) throw new Error(`${name} does not answer from its cache: ${status}`)
  }
}
