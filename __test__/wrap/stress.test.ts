import { stopTime } from "../helpers/clock"
import { Random, seeds } from "../helpers/random"
import { collectWarnings, endTest } from "../helpers/wrap"
import { Model } from "../helpers/wrap-model"

beforeEach(stopTime)
afterEach(async () => {
  await endTest()
  jest.restoreAllMocks()
})

const ROUNDS = 20
const STEPS = 100

test.each(seeds(3))(
  "every client gets a response for its own request, and all buffers are released (seed %i)",
  async (seed) => {
    collectWarnings()
    const model = new Model(new Random(seed))
    for (let round = 0; round < ROUNDS; round++) {
      for (let step = 0; step < STEPS; step++) await model.step()
      await model.settle()
    }
    expect(model.faults).toEqual([])
  },
  60_000,
)
