/** Runs the steps of a script and reports each of them. */
import { CommandError } from "./run.mjs"

/**
 * Does some work under a title, on one line: `title … outcome, 1.2 s`. The outcome is the string
 * that the work resolves to, if it is one.
 */
export async function step(title, work) {
  process.stdout.write(`${title} … `)
  await timed(work)
}

/**
 * Does some work that reports its progress, below a line with its title. `work` gets a function
 * that writes a line of progress.
 */
export async function longStep(title, work) {
  process.stdout.write(`${title}\n`)
  await timed(() => work((line) => process.stdout.write(`  ${line}\n`)))
}

async function timed(work) {
  const start = performance.now()
  const seconds = () => `${((performance.now() - start) / 1000).toFixed(1)} s`
  try {
    const outcome = await work()
    process.stdout.write(
      typeof outcome === "string" ? `${outcome}, ${seconds()}\n` : `${seconds()}\n`,
    )
  } catch (error) {
    process.stdout.write(`failed, ${seconds()}\n`)
    throw error
  }
}

/** Runs a script. If it fails, writes why and sets the exit code to 1. */
export async function main(work) {
  try {
    await work()
  } catch (error) {
    report(error)
    process.exitCode = 1
  }
}

function report(error) {
  if (error instanceof AggregateError) error.errors.forEach(report)
  if (error instanceof CommandError) process.stderr.write(`\n${error.output.trimEnd()}\n`)
  const isExpected =
    error.constructor === Error || error instanceof CommandError || error instanceof AggregateError
  process.stderr.write(`${isExpected ? error.message : error.stack}\n`)
}
