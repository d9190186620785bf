import { once } from "node:events"
import { createServer, type RequestListener, type ServerResponse } from "node:http"
import { getRequestListener } from "@hono/node-server"
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response"
import { type Address, explainListenError, originOf, readAddress } from "./address.js"
import { type AllowedHosts, readAllowedHosts } from "./allowed-hosts.js"
import { failed } from "./answer.js"
import { EntryError, loadEntry, shortName } from "./entry.js"
import { guarded } from "./guard.js"
import type { LocalService } from "./local.js"
import { platformRequest } from "./request.js"
import { writeWhole } from "./whole.js"

/** The process under the watcher: loads the entry and serves it until a signal stops it. */
async function main(entry: string): Promise<void> {
  stopWithWatcher()
  try {
    const service = await loadEntry(entry)
    await listen(service, readAddress(process.env), readAllowedHosts(process.env))
  } catch (error) {
    reportFailure(entry, error)
  }
}

async function listen(service: LocalService, address: Address, hosts: AllowedHosts): Promise<void> {
  const listener = getRequestListener(
    async (request, { outgoing }) => {
      const response = await answerFrom(service, platformRequest(request))
      return writeWhole(response, outgoing as ServerResponse) ? RESPONSE_ALREADY_SENT : response
    },
    { overrideGlobalObjects: false },
  )
  // The guard refuses a missing Host, with its own answer.
  const server = createServer(
    { requireHostHeader: false },
    guarded(hosts, listener as RequestListener),
  )
  server.listen(address.port, address.host)
  try {
    await once(server, "listening")
  } catch (error) {
    throw new EntryError(explainListenError(address, error as NodeJS.ErrnoException))
  }
  console.log(`Listening on ${originOf(address)}${service.basePath}`)
}

async function answerFrom(service: LocalService, request: Request): Promise<Response> {
  try {
    return await service.fetch(request)
  } catch (error) {
    return failed(request, error)
  }
}

/** Writes the error. The process waits for the watcher, which ends it at the next change. */
function reportFailure(entry: string, error: unknown): void {
  if (error instanceof EntryError) console.error(error.message)
  else console.error(`Cannot load ${shortName(entry)}:`, error)
  console.error("Waiting for a change.")
}

function stopWithWatcher(): void {
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0))
  // A killed watcher passes no signal on, and this process would hold the port.
  const watcher = process.ppid
  const command = Number(process.env.LAYER_DEV_PID ?? watcher)
  setInterval(() => {
    if (process.ppid === watcher && isRunning(command)) return
    if (process.ppid === watcher) process.kill(watcher)
    process.exit(0)
  }, 1_000)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

void main(process.argv[2] as string)
