import { get, url } from "../helpers/cache"
import { stopTime } from "../helpers/clock"
import { collectGarbage } from "../helpers/garbage-collection"
import { deferred } from "../helpers/stale-module"
import { controlledStream } from "../helpers/streams"
import {
  endTest,
  outcomeSoFar,
  POLICY,
  read,
  readerOf,
  waitUntilIdle,
  wrapped,
} from "../helpers/wrap"

beforeEach(stopTime)
afterEach(endTest)

test("a caller that joins a body does not end another wait that begins in the same turn", async () => {
  const [body, gate] = [controlledStream(), deferred()]
  const { send } = wrapped(async ({ url }) => {
    if (url.endsWith("/body")) return new Response(body.stream)
    await gate.promise
    return new Response("answered")
  }, POLICY)
  await send(get("/body"))
  const leader = send(get("/slow"))
  const joined = send(get("/body"))
  const waiter = send(get("/slow"))
  expect((await joined).status).toBe(200)
  gate.resolve()
  const text = (response: Response) => response.text()
  expect(await outcomeSoFar(leader, text)).toBe("answered")
  expect(await outcomeSoFar(waiter, text)).toBe("answered")
})

test("a client that aborts after its response was garbage-collected does not end another client's body", async () => {
  const bodies = [controlledStream(), controlledStream()]
  let run = 0
  const { send } = wrapped(() => new Response(bodies[run++]?.stream), POLICY)
  const client = new AbortController()
  const request = new Request(url("/one"), { signal: client.signal })
  await (async () => void (await send(request)))()
  await collectGarbage()
  const reader = readerOf(await send(get("/other")))
  bodies[1]?.enqueue("first")
  expect(await read(reader)).toBe("first")
  client.abort()
  await waitUntilIdle()
  bodies[1]?.enqueue("second")
  expect(await read(reader)).toBe("second")
})
