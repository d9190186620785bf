/** The process that generates the load. */
import autocannon from "autocannon"

export default async function run({ origin, seconds, paths, connections }) {
  const requests = paths.map((path) => ({ method: "GET", path }))
  const result = await autocannon({ url: origin, connections, duration: seconds, requests })
  const failed = result.non2xx + result.errors + result.timeouts
  if (failed > 0) throw new Error(`${origin}: ${failed} requests failed.`)
  return result["2xx"] / result.duration
}
