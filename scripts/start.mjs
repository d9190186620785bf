/** `npm start`: serves the storefront and says what to try. */
import { spawn } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { main, ROOT } from "./run.mjs"
import { setUp } from "./setup.mjs"

/** A terminal signals the server as well, and a second signal would make it end in a hurry. */
const GRACE_MS = 300

await main(async () => {
  await setUp()
  process.exitCode = await serve()
})

/** Both outlive the server, so that it is as warm as it was when it is started again. */
function kept() {
  const folder = join(ROOT, ".layeron")
  mkdirSync(folder, { recursive: true })
  return {
    LAYERON_CACHE_STORAGE: `file:${join(folder, "cache")}`,
    STOREFRONT_DB: join(folder, "storefront.db"),
  }
}

/** @returns the exit code: 0 when it was asked to stop. */
function serve() {
  const layer = join(ROOT, "packages/core/bin/layer.js")
  const server = spawn(process.execPath, [layer, "dev", join(ROOT, "examples/storefront/app.ts")], {
    stdio: ["inherit", "pipe", "inherit"],
    env: { ...kept(), ...process.env },
  })
  let isStopping = false
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.on(signal, () => {
      if (!isStopping) setTimeout(() => server.kill("SIGTERM"), GRACE_MS).unref()
      isStopping = true
    })
  }
  tellWhenListening(server.stdout)
  return new Promise((resolve) =>
    server.on("close", (code) => resolve(isStopping ? 0 : (code ?? 1))),
  )
}

function tellWhenListening(output) {
  let heard = ""
  output.setEncoding("utf8").on("data", (text) => {
    process.stdout.write(text)
    if (heard === undefined) return
    heard += text
    const origin = /Listening on (http\S+)\n/.exec(heard)?.[1]
    if (origin === undefined) return
    process.stdout.write(whatToTry(origin))
    heard = undefined
  })
}

function whatToTry(origin) {
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

Ctrl-C ends it. Started again, it has what it had: the cache and the database are kept in .layeron.
`
}
