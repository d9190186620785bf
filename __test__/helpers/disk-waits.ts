/** How many calls wait for a disk, in this thread. */
const { Tickets } = require("../../dist/native/tickets.js")

let waiting = 0

const { settled } = Tickets.prototype
Tickets.prototype.settled = async function (...given: unknown[]) {
  waiting += 1
  try {
    return await settled.apply(this, given)
  } finally {
    waiting -= 1
  }
}

export function areAnyWaiting(): boolean {
  return waiting > 0
}
