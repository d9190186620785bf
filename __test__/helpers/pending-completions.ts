/** Number of calls of this thread that wait for a disk. */
const { Completions } = require("../../dist/native/completions.js")

let pending = 0

const { completed } = Completions.prototype
Completions.prototype.completed = async function (...args: unknown[]) {
  pending += 1
  try {
    return await completed.apply(this, args)
  } finally {
    pending -= 1
  }
}

export function hasPendingCompletions(): boolean {
  return pending > 0
}
