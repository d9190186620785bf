import { execFile } from "node:child_process"

/** The output of a process that has exited. */
export interface Finished {
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Milliseconds until the process is killed, which is a failure. Default: 20,000. */
  readonly timeout?: number
}

/** Runs Node in a new process. @throws Error with its output unless it exits with 0 in time. */
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
