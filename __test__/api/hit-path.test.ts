/**
 * Upper bounds for the cost of a hit: calls into the addon and bytes of JavaScript heap. The tests
 * count and do not measure time.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runNode } from "../helpers/run-node"

interface Cost {
  readonly calls: Record<string, number>
  readonly bytes: number
}

const BODY_BYTES = 2_000

/** Source that counts the calls into the addon and the heap bytes of 2,000 hits by each way. */
const SCRIPT = `
const addon = require("../../native.js")
const calls = {}
const counted = (name, call) => function (...rest) { calls[name] = (calls[name] ?? 0) + 1; return call.apply(this, rest) }
for (const { prototype } of [addon.BindingCache, addon.BindingWrapper])
  for (const name of Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor" && name !== "lookUpFunction"))
    prototype[name] = counted(name, prototype[name])
const { lookUpFunction } = addon.BindingCache.prototype
addon.BindingCache.prototype.lookUpFunction = function () { return counted("lookUp", lookUpFunction.call(this)) }

const { cache } = require("../..")
const HITS = 2000
const module_ = cache({ name: "hit-path", ttlSeconds: 600 })
const fetch = module_.wrap(() => { throw new Error("it was no hit") })
const requests = Array.from({ length: HITS }, (_, at) => new Request("https://api.example.com/p/" + (at % 50)))
const ways = {
  match: (request) => module_.match(request),
  header: async (request) => (await module_.match(request)).headers.get("content-type"),
  text: async (request) => (await module_.match(request)).text(),
  wrap: (request) => fetch(request),
}
async function bytesOf(way) {
  gc()
  const before = process.memoryUsage().heapUsed
  for (const request of requests) await way(request)
  return (process.memoryUsage().heapUsed - before) / HITS
}
;(async () => {
  const headers = { "content-type": "application/json" }
  for (const request of requests.slice(0, 50)) await module_.put(request, new Response("x".repeat(${BODY_BYTES}), { headers }))
  const costs = {}
  for (const [name, way] of Object.entries(ways)) {
    for (let round = 0; round < 3; round++) await bytesOf(way)
    for (const call of Object.keys(calls)) delete calls[call]
    const bytes = [await bytesOf(way), await bytesOf(way), await bytesOf(way)].sort((a, b) => a - b)[1]
    costs[name] = { bytes, calls: Object.fromEntries(Object.entries(calls).map(([call, count]) => [call, count / HITS / 3])) }
  }
  console.log(JSON.stringify(costs))
})()
`

describe.each<[string, (folder: string) => string]>([
  ["in memory", () => "memory"],
  ["in memory with a disk under it", (folder) => `file:${folder}`],
])("%s", (_, storage) => {
  const folder = mkdtempSync(join(tmpdir(), "layeron-hit-path-"))
  let costs: Record<string, Cost>

  beforeAll(async () => {
    // The young generation is large enough for one round, so that no collection falls into it.
    const flags = ["--expose-gc", "--min-semi-space-size=256", "--max-semi-space-size=256"]
    const env = { ...process.env, LAYERON_CACHE_STORAGE: storage(folder) }
    costs = JSON.parse((await runNode([...flags, "-e", SCRIPT], { cwd: __dirname, env })).stdout)
  }, 30_000)

  afterAll(() => rmSync(folder, { recursive: true }))

  describe("a hit calls into the addon once", () => {
    test.each([
      ["match", "lookUp"],
      ["header", "lookUp"],
      ["text", "lookUp"],
      ["wrap", "serve"],
    ])("by %s", (way, call) => {
      expect(costs[way]?.calls).toEqual({ [call]: 1 })
    })
  })

  describe("a hit allocates no more garbage than its response and one to three kilobytes", () => {
    test.each([
      ["match", 1_700],
      ["header", 3_300],
      ["text", 2_600],
      ["wrap", 2_600],
    ])("by %s", (way, offThread) => {
      expect(costs[way]?.bytes).toBeGreaterThan(BODY_BYTES)
      expect(costs[way]?.bytes).toBeLessThan(BODY_BYTES + offThread)
    })
  })
})
