import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { dev } from "./dev.js"

const HELP = `Usage: layer dev [entry]

Serves the default export of the entry, and again whenever the entry or a file it imports changes.
Without an entry: app.ts, app.js, app.mjs, src/app.ts, src/app.js, index.ts or index.js.

Options:
  -h, --help      Show this help
  -v, --version   Show the version

Environment:
  PORT            Port to listen on, 0 for a free one (default: 8787)
  HOST            Host to listen on (default: 127.0.0.1)
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
    options: { help: { type: "boolean", short: "h" }, version: { type: "boolean", short: "v" } },
  })
  const [command, entry, ...extra] = positionals
  if (values.help) process.stdout.write(HELP)
  else if (values.version) process.stdout.write(`${version()}\n`)
  else if (command !== "dev" || extra.length > 0) throw new Error(`${complaint(command, extra)}\n\n${HELP}`)
  else await dev(entry)
}

function complaint(command: string | undefined, extra: string[]): string {
  if (command === undefined) return "a command is missing"
  return command === "dev" ? `unexpected argument: ${extra.join(" ")}` : `unknown command: ${command}`
}

function version(): string {
  const text = readFileSync(join(__dirname, "../package.json"), "utf8")
  return (JSON.parse(text) as { version: string }).version
}
