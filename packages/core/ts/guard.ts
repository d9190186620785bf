import type { IncomingMessage, RequestListener, ServerResponse } from "node:http"
import { ALLOWED_HOSTS, type AllowedHosts } from "./allowed-hosts.js"
import { BadTarget, readTarget, rewrite } from "./authority.js"

/**
 * Puts a check of the request's target and host in front of a listener: it sees neither a request
 * that is refused nor two hosts in one.
 */
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

/** Ends the connection as well: what follows on it is not known to be meant for this server. */
function refuse(outgoing: ServerResponse, status: number, code: string, message: string): void {
  const body = JSON.stringify({ error: { code, message } })
  outgoing.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  })
  outgoing.end(body)
}
