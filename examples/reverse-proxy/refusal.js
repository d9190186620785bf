/** A request that is not passed on, and the status that says why. */
class Refusal extends Error {
  constructor(status) {
    super(`refused with ${status}`)
    this.status = status
  }
}

module.exports = { Refusal }
