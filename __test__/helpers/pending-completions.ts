/** Number of calls of this thread that wait for a disk. */
const wait = require("../../dist/native/wait.js")

let pending = 0

const { completed } = wait
wait.completed = async (...args: unknown[]) => {
  pending += 1
  try {
    return await completed(...args)
  } finally {
    pending -= 1
  }
}

export function hasPendingCompletions(): boolean {
  return pending > 0
}
