import { execFile } from "node:child_process"

/** What a process wrote, once it has ended by itself. */
export interface Finished {
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** After this time the process is killed, and that is a failure. */
  readonly timeout?: number
}

/** Runs this Node. @throws Error with everything written when it does not exit with 0 in time. */
export function runNode(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const settings = { timeout: 20_000, killSignal: "SIGKILL", ...options } as const
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, settings, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout, stderr })
      else reject(new Error(`${ending(error)}\n${stdout}${stderr}`))
    })
  })
}

function ending({
  killed,
  code,
  message,
}: {
  killed?: boolean
  code?: unknown
  message: string
}): string {
  return `${killed ? "Killed, since it did not end by itself" : `Exit code ${code}`}: ${message}`
}
