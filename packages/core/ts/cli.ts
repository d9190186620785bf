import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { dev } from "./dev.js"

const HELP = `Usage: layer dev [entry]

Serves the default export of the entry, and again whenever the entry or a file it imports changes.
Without an entry: app.ts, app.js, app.mjs, src/app.ts, src/app.js, index.ts or index.js.

Options:
  --allowed-host <name>   Answer for this host name as well; may be repeated
  -h, --help              Show this help
  -v, --version           Show the version

Environment:
  PORT                    Port to listen on, 0 for a free one (default: 8787)
  HOST                    Host to listen on (default: 127.0.0.1)
  LAYERON_ALLOWED_HOSTS   Host names to answer for as well, separated by commas

Requests for a host name that is neither localhost, one of its subdomains, HOST nor allowed are refused
with 403, so that no other site can read the answers by pointing its name here. IP addresses are always
allowed. A name with a dot in front stands for its subdomains as well: --allowed-host .shop.test
`

export async function main(args: string[]): Promise<void> {
  try {
    await runCommand(args)
  } catch (error) {
    process.stderr.write(`layer: ${(error as Error).message}\n`)
    process.exitCode = 1
  }
}

async function runCommand(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      "allowed-host": { type: "string", multiple: true, default: [] },
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "v" },
    },
  })
  const [command, entry, ...extra] = positionals
  if (values.help) process.stdout.write(HELP)
  else if (values.version) process.stdout.write(`${version()}\n`)
  else if (command !== "dev" || extra.length > 0)
    throw new Error(`${complaint(command, extra)}\n\n${HELP}`)
  else await dev(entry, values["allowed-host"])
}

function complaint(command: string | undefined, extra: string[]): string {
  if (command === undefined) return "a command is missing"
  return command === "dev"
    ? `unexpected argument: ${extra.join(" ")}`
    : `unknown command: ${command}`
}

function version(): string {
  const text = readFileSync(join(__dirname, "../package.json"), "utf8")
  return (JSON.parse(text) as { version: string }).version
}
