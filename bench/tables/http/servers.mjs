/** The servers that are loaded, each in processes of its own. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { ROOT } from "../../../scripts/lib/run.mjs"

const APPS = "bench/tables/http/apps"
const STOREFRONT = "examples/storefront/app.ts"

/** By what they are called in the table. */
export const APPLICATIONS = {
  "no cache": { entry: `${APPS}/no-cache.mjs` },
  "lru-cache in the handler": { entry: `${APPS}/lru-cache.mjs` },
  constant: { entry: `${APPS}/constant.mjs` },
  "match and put": { entry: STOREFRONT },
  gateway: { entry: STOREFRONT, env: { STOREFRONT_GATEWAY: "1" } },
}

/**
 * Serves an application with `layer dev`, on a port that is free. @returns its origin, and what
 * ends it
 */
export function serve({ entry, env }) {
  const layer = join(ROOT, "packages/core/bin/layer.js")
  const child = spawn(process.execPath, [layer, "dev", join(ROOT, entry)], {
    env: { ...process.env, ...env, PORT: "0", NODE_ENV: "production" },
    stdio: ["ignore", "pipe", "inherit"],
  })
  return whenListening(withUs(child))
}

function whenListening(child) {
  let heard = ""
  return new Promise((resolve, reject) => {
    child.on("error", reject)
    child.on("close", () => reject(new Error(`A server has not begun to listen: ${heard}`)))
    child.stdout.setEncoding("utf8").on("data", (text) => {
      heard += text
      const port = /Listening on http:\/\/\S+:(\d+)\n/.exec(heard)?.[1]
      // By its number: a name may stand for addresses where nobody listens.
      if (port !== undefined)
        resolve({ origin: `http://127.0.0.1:${port}`, stop: () => ended(child) })
    })
  })
}

/** Asks it to end. @returns when it has */
export function ended(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    child.on("close", resolve)
    child.kill("SIGTERM")
  })
}

/** Ends it also where this process is told to end in the middle of everything. */
export function withUs(child) {
  const stop = () => child.kill("SIGTERM")
  process.once("exit", stop)
  child.once("close", () => process.off("exit", stop))
  return child
}
