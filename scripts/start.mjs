/** `npm start`: serves the storefront example and prints requests to try. */
import { spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { ROOT } from "./lib/run.mjs"
import { setUp } from "./lib/setup.mjs"
import { main } from "./lib/steps.mjs"

/** The terminal signals the server too, and a second signal would end it without its clean-up. */
const SIGNAL_DELAY_MS = 300

await main(async () => {
  await setUp()
  process.exitCode = await serve()
})

/** Environment with a cache and a database on disk, so that the next start finds their content. */
function persistentStorage() {
  const folder = join(ROOT, ".layeron")
  mkdirSync(folder, { recursive: true })
  return {
    LAYERON_CACHE_STORAGE: `file:${join(folder, "cache")}`,
    STOREFRONT_DB: join(folder, "storefront.db"),
  }
}

/** Runs the server. @returns the exit code, 0 if a signal stopped it. */
function serve() {
  const layer = join(ROOT, "packages/core/bin/layer.js")
  const server = spawn(process.execPath, [layer, "dev", join(ROOT, "examples/storefront/app.ts")], {
    stdio: ["inherit", "pipe", "inherit"],
    env: { ...persistentStorage(), ...process.env },
  })
  let isStopping = false
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      if (!isStopping) setTimeout(() => server.kill("SIGTERM"), SIGNAL_DELAY_MS).unref()
      isStopping = true
    })
  }
  printHintsWhenListening(server.stdout)
  return new Promise((resolve) =>
    server.on("close", (code) => resolve(isStopping ? 0 : (code ?? 1))),
  )
}

function printHintsWhenListening(output) {
  let seen = ""
  output.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text)
    if (seen === undefined) return
    seen += text
    const origin = /Listening on (http\S+)\n/.exec(seen)?.[1]
    if (origin === undefined) return
    process.stdout.write(requestsToTry(origin))
    seen = undefined
  })
}

function requestsToTry(origin) {
  return `
Try, in another terminal:

  curl ${origin}/api/products                  # all products: read from the database, then stored
  curl -i ${origin}/api/products/7             # one product: a miss
  curl -i ${origin}/api/products/7             # a hit: see Cache-Status and Age
  curl -i -H 'Accept-Language: de' ${origin}/api/products/7    # another language is another entry
  curl -X POST ${origin}/api/products/7 -H 'Content-Type: application/json' -d '{"price": 12.5}'
  curl -i ${origin}/api/products/7             # the new price: the change purged the entry
  curl ${origin}/internal/cache/stats          # hits, misses, puts, deletes, purges
  curl ${origin}/internal/cache/health         # the same with the hit rate

Press Ctrl-C to stop. The cache and the database are in .layeron and survive a restart.
`
}
