import type { CacheModule } from "@layeron/modules"
import { bodyOf, freshCache, get, sameIdentity, url } from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import { AT, deferred, expectFenced, REQUEST_FORMS, refreshCounts } from "../helpers/stale-module"

const TAGGED = { tags: ["t"] }
/** More purges than the invalidation log retains. */
const MANY = 20_000
/** More builds by string than the build tracker retains. */
const MANY_BUILDS = 100_000

type RemoveFunction = (module: CacheModule, n: number) => Promise<unknown>

describe("if the invalidation log no longer reaches back to the miss", () => {
  test.each(REQUEST_FORMS)(
    "a put with %s is dropped although it was not purged",
    async (_, request) => {
      const module = freshCache()
      const asked = request()
      await module.match(asked)
      for (let n = 0; n < MANY; n++) await module.purge({ tags: [`other-${n}`] })
      await expectFenced(module, asked, TAGGED)
    },
  )

  const LONG = url(`/p/${"1".repeat(5_000)}`)
  const purgeOther: RemoveFunction = (module, n) => module.purge({ prefix: `/q/${n}` })

  test.each<[string, RemoveFunction, RemoveFunction]>([
    [
      "tag",
      (module) => module.purge(TAGGED),
      (module, n) => module.purge({ tags: [`other-${n}`] }),
    ],
    [
      "request",
      (module) => module.purge({ request: LONG }),
      (module, n) => module.delete(url(`/q/${n}`)),
    ],
    [
      "key, by delete",
      (module) => module.delete(LONG),
      (module, n) => module.delete(url(`/q/${n}`)),
    ],
    ["prefix", (module) => module.purge({ prefix: url("/p/") }), purgeOther],
    ["path's prefix", (module) => module.purge({ prefix: "/p/" }), purgeOther],
    [
      "prefix of 5,000 characters",
      (module) => module.purge({ prefix: LONG.slice(0, -1) }),
      purgeOther,
    ],
    ["prefix in everything", (module) => module.purge({ everything: true }), purgeOther],
  ])("the purge of a build's %s still drops its put", async (_, first, other) => {
    const module = freshCache()
    const request = new Request(LONG)
    await module.match(request)
    await first(module, 0)
    for (let n = 0; n < MANY; n++) await other(module, n)
    await expectFenced(module, request, TAGGED)
  })

  test("repeated purges of one tag do not drop the put of a build without it", async () => {
    const module = freshCache()
    const request = get("/p/1")
    await module.match(request)
    for (let n = 0; n < MANY; n++) await module.purge({ tags: ["other"] })
    await module.put(request, new Response("built"), TAGGED)
    expect(await bodyOf(module, AT)).toBe("built")
  })
})

describe("the put of a build by string is dropped after a purge", () => {
  beforeEach(stopDate)
  afterEach(() => jest.useRealTimers())

  async function moduleWithBuild(): Promise<CacheModule> {
    const module = freshCache({ ttlSeconds: 600 })
    await module.match(AT)
    return module
  }

  async function expectNothingStored(module: CacheModule): Promise<void> {
    await module.put(AT, new Response("too late"), TAGGED)
    expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 1 })
  }

  test("however long it takes", async () => {
    const module = await moduleWithBuild()
    await module.purge(TAGGED)
    setClock(3_600)
    await expectNothingStored(module)
  })

  test.each([
    ["at once", 0],
    ["29 s later", 29],
  ])("even if the build tracker overflows, when it ends %s", async (_, seconds) => {
    const module = await moduleWithBuild()
    for (let n = 0; n < MANY_BUILDS; n++) await module.match(url(`/q/${n}`))
    await module.purge(TAGGED)
    setClock(seconds)
    await expectNothingStored(module)
  })

  test("even if a second build of its key began 29 s after it", async () => {
    const module = await moduleWithBuild()
    await module.purge(TAGGED)
    setClock(29)
    await module.match(AT)
    await expectNothingStored(module)
  })
})

test("the put of a build that began before its instance was closed and declared again is dropped after a purge", async () => {
  const closed = freshCache()
  const request = get("/p/1")
  for (let n = 0; n < 3; n++) await closed.purge({ tags: ["other"] })
  await closed.match(request)
  const module = sameIdentity(closed)
  await Promise.all([closed.close(), module.close()])

  const reopened = sameIdentity(closed)
  await reopened.purge(TAGGED)
  await reopened.put(request, new Response("too late"), TAGGED)
  expect(await refreshCounts(reopened)).toMatchObject({ puts: 0, fencedWrites: 1 })
})

test("a put without a miss is dropped if a purge comes between its call and the end of its body", async () => {
  const module = freshCache()
  const { promise, resolve } = deferred()
  const body = new ReadableStream({
    async pull(controller) {
      await promise
      controller.enqueue(Buffer.from("too late"))
      controller.close()
    },
  })
  const put = module.put(AT, new Response(body), TAGGED)
  await module.purge(TAGGED)
  resolve()
  await put
  expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 1 })
})

test("the puts of two builds that share a Request object are both dropped after a purge", async () => {
  const module = freshCache()
  const request = get("/p/1")
  await module.match(request)
  await module.match(request)
  await module.purge(TAGGED)
  for (const body of ["a", "b"]) await module.put(request, new Response(body), TAGGED)
  expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 2 })
})
