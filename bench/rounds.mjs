/** Runs contestants in turn, round by round, so that whatever else the machine does falls on all alike. */

const ROUNDS = 9
const WARM_UP_CALLS = 5_000
const CALLS = 20_000

/** The median of the calls' time in microseconds for each contestant, and of its ratio to the first, round by round. */
export async function compare(contestants) {
  const names = Object.keys(contestants)
  for (const name of names) await run(contestants[name], WARM_UP_CALLS)
  const times = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of names) times[name].push(await run(contestants[name], CALLS))
  }
  return names.map((name) => {
    const ratios = times[name].map((time, round) => time / times[names[0]][round])
    return { name, microseconds: median(times[name]), ratio: median(ratios), spread: spread(ratios) }
  })
}

async function run(call, calls) {
  const start = process.hrtime.bigint()
  for (let number = 0; number < calls; number++) await call(number)
  return Number(process.hrtime.bigint() - start) / calls / 1_000
}

export function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1]
}

function spread(numbers) {
  return `${Math.min(...numbers).toFixed(2)}-${Math.max(...numbers).toFixed(2)}`
}

/** Prints the rows as a Markdown table. */
export function table(rows) {
  console.log("| | us | ratio | spread |\n|---|---|---|---|")
  for (const { name, microseconds, ratio, spread } of rows) {
    console.log(`| ${name} | ${microseconds.toFixed(2)} | ${ratio.toFixed(2)} | ${spread} |`)
  }
}
