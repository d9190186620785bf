/** The servers under load, each in its own processes. */
import { spawn } from "node:child_process"
import { join } from "node:path"
import { ROOT } from "../../../scripts/lib/run.mjs"

const APPS = "bench/tables/http/apps"
const STOREFRONT = "examples/storefront/app.ts"

/** Servers by their name in the table. */
export const APPLICATIONS = {
  "no cache": { entry: `${APPS}/no-cache.mjs` },
  "lru-cache in the handler": { entry: `${APPS}/lru-cache.mjs` },
  constant: { entry: `${APPS}/constant.mjs` },
  "match and put": { entry: STOREFRONT },
  gateway: { entry: STOREFRONT, env: { STOREFRONT_GATEWAY: "1" } },
}

/**
 * Serves an application with `layer dev` on a free port. @returns its origin, and a function that
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
      // By its number: a name may resolve to addresses without a listener.
      if (port !== undefined)
        resolve({ origin: `http://127.0.0.1:${port}`, stop: () => ended(child) })
    })
  })
}

/** Terminates the child. @returns when it has exited */
export function ended(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    child.on("close", resolve)
    child.kill("SIGTERM")
  })
}

/** Ends the child also if this process is terminated. */
export function withUs(child) {
  const stop = () => child.kill("SIGTERM")
  process.once("exit", stop)
  child.once("close", () => process.off("exit", stop))
  return child
}
