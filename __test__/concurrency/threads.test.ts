import { bodyOf, freshCache, get } from "../helpers/cache"
import { Thread } from "../helpers/cache-thread"
import { setClock, stopDate } from "../helpers/clock"
import {
  AT,
  expectFenced,
  POLICY,
  REMOVALS,
  REQUEST_FORMS,
  refreshCounts,
  remove,
  staleModule,
  TTL,
} from "../helpers/stale-module"

const TAGGED = { tags: ["t"] }

beforeEach(stopDate)
afterEach(async () => {
  jest.useRealTimers()
  await Promise.all(threads.splice(0).map((thread) => thread.end()))
})

const threads: Thread[] = []

async function start(...args: Parameters<typeof Thread.start>): Promise<Thread> {
  const thread = await Thread.start(...args)
  threads.push(thread)
  return thread
}

const RACES = REMOVALS.flatMap(([how, removal]) =>
  REQUEST_FORMS.map(([form, request]) => ({ how, removal, form, request })),
)

describe("a put of this thread is dropped after a purge by another thread", () => {
  test.each(RACES)("$how, with $form", async ({ removal, request }) => {
    const module = freshCache()
    const thread = await start(module)
    const asked = request()
    expect(await module.match(asked)).toBeUndefined()
    await thread.remove(removal)
    await expectFenced(module, asked, TAGGED)
  })

  test.each(REMOVALS)("%s while the refresh lease is held", async (_, removal) => {
    const module = await staleModule()
    const thread = await start(module)
    const request = get("/p/1")
    expect(await module.match(request)).toBeUndefined()
    expect(await thread.matchString(AT)).toBe("old")
    await thread.remove(removal)
    expect(await thread.matchString(AT)).toBeUndefined()
    await expectFenced(module, request, TAGGED)
  })

  test("soft purge, and the put of another thread's caller with the refresh lease is stored", async () => {
    const module = await staleModule()
    const thread = await start(module)
    const request = get("/p/1")
    expect(await module.match(request)).toBeUndefined()
    await thread.purge({ ...TAGGED, soft: true })
    expect(await thread.match("next", AT)).toBeUndefined()
    await module.put(request, new Response("too late"), TAGGED)
    expect(await bodyOf(module, AT)).toBe("old")
    await thread.put("next", AT, "new", TAGGED)
    expect(await bodyOf(module, AT)).toBe("new")
    expect(await refreshCounts(module)).toMatchObject({ puts: 2, elections: 2, fencedWrites: 1 })
  })
})

test("a put by string on another thread is dropped after a purge that follows its miss", async () => {
  const module = freshCache()
  const thread = await start(module)
  await module.match(AT)
  await module.purge(TAGGED)
  await thread.putString(AT, "too late", TAGGED)
  expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 1 })
})

describe("of two builders on two threads", () => {
  test.each<["here" | "there", "here" | "there"]>([
    ["here", "there"],
    ["there", "here"],
  ])(
    "only the put of the miss before the purge is dropped, by Request, when %s puts before %s",
    async (...order) => {
      const module = freshCache()
      const thread = await start(module)
      const request = get("/p/1")
      await module.match(request)
      await thread.purge(TAGGED)
      await thread.match("there", AT)
      for (const where of order) {
        if (where === "here") await module.put(request, new Response("here"), TAGGED)
        else await thread.put("there", AT, "there", TAGGED)
      }
      expect(await bodyOf(module, AT)).toBe("there")
      expect(await refreshCounts(module)).toMatchObject({ puts: 1, fencedWrites: 1 })
    },
  )

  test("with strings, both puts are dropped, and that of the next build is stored", async () => {
    const module = freshCache()
    const thread = await start(module)
    await module.match(AT)
    await thread.matchString(AT)
    await remove(module, { purge: TAGGED })
    await thread.putString(AT, "there", TAGGED)
    await module.put(AT, new Response("here"), TAGGED)
    expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 2 })
    expect(await thread.matchString(AT)).toBeUndefined()
    await thread.putString(AT, "in time", TAGGED)
    expect(await bodyOf(module, AT)).toBe("in time")
  })
})

describe("a refresh lease", () => {
  test("is shared by all threads, and the holder's put ends it for all", async () => {
    const module = await staleModule()
    const [one, two] = [await start(module), await start(module)]
    expect(await one.match("one", AT)).toBeUndefined()
    expect(await two.match("two", AT)).toBe("old")
    expect(await bodyOf(module, AT)).toBe("old")
    await one.put("one", AT, "new")
    expect(await two.match("two", AT)).toBe("new")
    expect(await bodyOf(module, AT)).toBe("new")
    expect(await refreshCounts(module)).toMatchObject({
      hits: 4,
      misses: 1,
      staleHits: 2,
      elections: 1,
    })
  })

  test("of a thread that has ended goes to the next caller after 30 s", async () => {
    const module = await staleModule()
    const thread = await start(module)
    expect(await thread.match("elected", AT)).toBeUndefined()
    await thread.end()
    setClock(TTL + 1 + 29.999)
    expect(await bodyOf(module, AT)).toBe("old")
    setClock(TTL + 1 + 30)
    expect(await module.match(AT)).toBeUndefined()
    expect(await bodyOf(module, AT)).toBe("old")
  })
})

test("64 concurrent requests on four threads for a stale entry make one build, and 63 get a response before it ends", async () => {
  const module = await staleModule(AT, POLICY)
  const answers: string[] = []
  let builds = 0
  let enough = () => {}
  const early = new Promise<void>((resolve) => {
    enough = resolve
  })
  const onCrowd = ({ building, answered }: { building?: true; answered?: string }) => {
    if (building) builds++
    if (answered !== undefined) answers.push(answered)
    if (answers.length === 63) enough()
  }
  const four = await Promise.all(Array.from({ length: 4 }, () => start(module, POLICY, onCrowd)))
  const gate = new SharedArrayBuffer(4)
  const all = Promise.all(four.map((thread) => thread.matchOrBuildConcurrently(AT, 16, 4, gate)))

  await early
  expect(answers).toEqual(Array(63).fill("old"))

  for (const thread of four) thread.release("new")
  await all
  expect(builds).toBe(1)
  expect(answers).toEqual([...Array(63).fill("old"), "new"])
  expect(await bodyOf(module, AT)).toBe("new")
  expect(await refreshCounts(module)).toEqual({
    hits: 64,
    misses: 1,
    puts: 2,
    staleHits: 63,
    elections: 1,
    fencedWrites: 0,
  })
})
