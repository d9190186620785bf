import { get } from "./helpers/cache"
import { stopTime } from "./helpers/clock"
import { promised } from "./helpers/flight"
import { handFed } from "./helpers/streams"
import { end, fate, POLICY, wrapped } from "./helpers/wrap"

beforeEach(stopTime)
afterEach(end)

test("a caller that joins a body ends no wait that begins in the same turn", async () => {
  const [body, gate] = [handFed(), promised()]
  const { ask } = wrapped(async ({ url }) => {
    if (url.endsWith("/body")) return new Response(body.stream)
    await gate.promise
    return new Response("answered")
  }, POLICY)
  await ask(get("/body"))
  const leads = ask(get("/slow"))
  const joins = ask(get("/body"))
  const waits = ask(get("/slow"))
  expect((await joins).status).toBe(200)
  gate.resolve()
  const text = (response: Response) => response.text()
  expect(await fate(leads, text)).toBe("answered")
  expect(await fate(waits, text)).toBe("answered")
})
