import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { type Finished, runNode } from "./run-node"

/** An empty project outside the repository whose `PATH` has Node and npm but no Rust. */
export class InstalledProject {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), "installed-")))
  readonly env = { ...environmentWithoutNpm(), PATH: pathWithout("cargo", "rustc") }

  constructor() {
    this.write(
      "package.json",
      JSON.stringify({ name: "installed", version: "1.0.0", private: true }),
    )
  }

  write(name: string, text: string): string {
    const file = join(this.path, name)
    writeFileSync(file, text)
    return file
  }

  install(...args: readonly string[]): Promise<Finished> {
    return this.run(
      npmScript(),
      "install",
      "--no-audit",
      "--no-fund",
      "--foreground-scripts",
      ...args,
    )
  }

  run(...args: readonly string[]): Promise<Finished> {
    return runNode(args, { cwd: this.path, env: this.env, timeout: 100_000 })
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** Starts an npm registry without packages. */
export async function emptyRegistry(): Promise<{ url: string; server: Server }> {
  const server = createServer((_, response) => {
    response.writeHead(404, { "content-type": "application/json" }).end('{"error":"not found"}')
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, server }
}

// The npm that runs the tests sets variables that refer to this repository.
function environmentWithoutNpm(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local)|^(INIT_CWD|PATH)$/i.test(name),
  )
  return Object.fromEntries(own)
}

function pathWithout(...commands: readonly string[]): string {
  const names = commands.flatMap((command) => [command, `${command}.exe`])
  const folders = (process.env.PATH ?? "").split(delimiter)
  return folders
    .filter((folder) => !/node_modules/.test(folder))
    .filter((folder) => !names.some((name) => existsSync(join(folder, name))))
    .join(delimiter)
}

function npmScript(): string {
  const candidates = [
    process.env.npm_execpath ?? "",
    ...(process.env.PATH ?? "").split(delimiter).flatMap((folder) => {
      const command = join(folder, "npm")
      const besides = join(folder, "node_modules/npm/bin/npm-cli.js")
      return existsSync(command) ? [realpathSync(command), besides] : [besides]
    }),
    join(dirname(process.execPath), "node_modules/npm/bin/npm-cli.js"),
  ]
  const script = candidates.find((file) => file.endsWith("npm-cli.js") && existsSync(file))
  if (script === undefined) throw new Error("npm was not found.")
  return script
}
