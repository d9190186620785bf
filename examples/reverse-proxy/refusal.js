/** A request that is not forwarded, and the status of its response. */
class Refusal extends Error {
  constructor(status) {
    super(`refused with ${status}`)
    this.status = status
  }
}

module.exports = { Refusal }
