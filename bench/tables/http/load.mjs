/**
 * Generates load from another process: with wrk if it is installed, because it needs less CPU time,
 * otherwise with autocannon.
 */
import { fileURLToPath } from "node:url"
import { capture } from "../../../scripts/lib/run.mjs"
import { inChild } from "../../lib/child.mjs"
import { isInstalled } from "./debian.mjs"
import { PATHS } from "./paths.mjs"

const CONNECTIONS = 32
const AUTOCANNON = new URL("autocannon.mjs", import.meta.url)
const SCRIPT = fileURLToPath(new URL("paths.lua", import.meta.url))

export async function loader() {
  return (await isInstalled("wrk"))
    ? { name: "wrk", load: wrk }
    : { name: "autocannon", load: autocannon }
}

/** @returns responses of status 200 per second */
function autocannon(origin, seconds) {
  return inChild(AUTOCANNON, { origin, seconds, paths: PATHS, connections: CONNECTIONS })
}

async function wrk(origin, seconds) {
  const args = ["-t", "1", "-c", CONNECTIONS, "-d", `${seconds}s`, "-s", SCRIPT, origin]
  const { stdout } = await capture("wrk", args.map(String))
  const failed = /^ *(Non-2xx.*|Socket errors.*)$/m.exec(stdout)
  if (failed) throw new Error(`${origin}: ${failed[1]}`)
  return Number(/^Requests\/sec: *([\d.]+)$/m.exec(stdout)[1])
}
