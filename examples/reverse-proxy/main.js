const { cache } = require("@layeron/modules")
const { createProxy } = require("./server.js")
const { readSettings } = require("./settings.js")

/** Milliseconds that pending responses may take after a signal to stop. */
const GRACE_MS = 10_000

/** Runs the proxy with the settings of the environment, until a signal stops it. */
function main() {
  try {
    serve(readSettings(process.env))
  } catch (error) {
    giveUp(error.message)
  }
}

function serve({ host, port, upstream, timeoutMs }) {
  // Only a name: the upstream's header fields decide what is stored, and for how long.
  const proxyCache = cache({ name: "reverse-proxy" })
  const server = createProxy({ upstream, cache: proxyCache, timeoutMs, onError: report })
  server.on("error", (error) => giveUp(explain(error, host, port)))
  server.listen(port, host, () => {
    const name = host.includes(":") ? `[${host}]` : host
    console.log(`Listening on http://${name}:${server.address().port} for ${upstream.origin}`)
  })
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => stop(server))
}

/**
 * Waits for pending responses. A second signal, which has no listener, ends the process at once.
 */
function stop(server) {
  server.close()
  setTimeout(() => server.closeAllConnections(), GRACE_MS).unref()
}

function report(error, what) {
  console.error(`${what}: ${error.code ?? error.name} ${error.message}`)
}

function explain(error, host, port) {
  if (error.code !== "EADDRINUSE") return `Cannot listen on ${host}, port ${port}: ${error.message}`
  return `Port ${port} on ${host} is in use. Stop what listens there, or choose another with PORT.`
}

function giveUp(message) {
  console.error(message)
  process.exit(1)
}

module.exports = { main }
