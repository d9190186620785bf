/** Counts the calls of this thread that wait for a disk, by a wrapper of `wait.completed`. */
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

/** Whether a call of this thread waits for a disk. */
export function hasPendingCompletions(): boolean {
  return pending > 0
}
