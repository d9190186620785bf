import { get, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { promised } from "../helpers/stale-module"
import { handFed } from "../helpers/streams"
import { end, outcomeSoFar, POLICY, read, readerOf, waitUntilIdle, wrapped } from "../helpers/wrap"
import { collectGarbage } from "../helpers/wrap-garbage"

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
  expect(await outcomeSoFar(leads, text)).toBe("answered")
  expect(await outcomeSoFar(waits, text)).toBe("answered")
})

test("a client that aborts after its response was collected ends no body of another", async () => {
  const bodies = [handFed(), handFed()]
  let run = 0
  const { ask } = wrapped(() => new Response(bodies[run++]?.stream), POLICY)
  const client = new AbortController()
  const request = new Request(url("/one"), { signal: client.signal })
  await (async () => void (await ask(request)))()
  await collectGarbage()
  const reader = readerOf(await ask(get("/other")))
  bodies[1]?.give("first")
  expect(await read(reader)).toBe("first")
  client.abort()
  await waitUntilIdle()
  bodies[1]?.give("second")
  expect(await read(reader)).toBe("second")
})
