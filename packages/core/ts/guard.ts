import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { ALLOWED_HOSTS, type AllowedHosts } from "./allowed-hosts.js"
import { BadTarget, readTarget, rewrite } from "./authority.js"

/** Checks the target and host of each request in front of a listener. */
export function guarded(hosts: AllowedHosts, listener: RequestListener): RequestListener {
  return (incoming, outgoing) => {
    if (admit(hosts, incoming, outgoing)) listener(incoming, outgoing)
  }
}

function admit(hosts: AllowedHosts, incoming: IncomingMessage, outgoing: ServerResponse): boolean {
  try {
    const target = readTarget(incoming)
    if (hosts.allow(target.authority)) {
      rewrite(incoming, target)
      return true
    }
    refuse(outgoing, 403, "host_not_allowed", notAllowed(target.authority))
  } catch (error) {
    if (!(error instanceof BadTarget)) throw error
    refuse(outgoing, 400, "bad_request", error.message)
  }
  return false
}

function notAllowed(authority: string): string {
  const name = new URL(`http://${authority}`).hostname
  return `layer dev does not answer for the host ${JSON.stringify(name)}. To allow it, start with --allowed-host ${name}, or list it in ${ALLOWED_HOSTS}.`
}

/** Refuses a request and closes the connection, since the client may mean another server. */
function refuse(outgoing: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ error: { code, message } })
  outgoing.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  })
  outgoing.end(body)
}
