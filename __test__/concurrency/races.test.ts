import type { CacheModule, CacheModuleOptions } from "@layeron/modules"
import { bodyOf, freshCache, get, NO_STATS, sameIdentity, url } from "../helpers/cache"
import { stopDate } from "../helpers/clock"
import {
  AT,
  expectFenced,
  POLICY,
  REMOVALS,
  REQUEST_FORMS,
  type Removal,
  refreshCounts,
  remove,
  staleModule,
} from "../helpers/stale-module"
import { controlledStream, nextTurn } from "../helpers/streams"

const TAGGED = { tags: ["t"] }

const RACES = REMOVALS.flatMap(([how, removal]) =>
  REQUEST_FORMS.map(([form, request]) => ({ how, removal, form, request })),
)

describe("a build is not stored if, after its miss, there was", () => {
  test.each(RACES)("$how, with $form", async ({ removal, request }) => {
    const module = freshCache()
    const asked = request()
    expect(await module.match(asked)).toBeUndefined()
    await remove(module, removal)
    await expectFenced(module, asked, TAGGED)
    expect(await module.stats()).toMatchObject({ puts: 1, misses: 2 })
  })

  test.each(RACES)("$how of an entry that was put after the miss of $form", async (race) => {
    const module = freshCache()
    const asked = race.request()
    expect(await module.match(asked)).toBeUndefined()
    await buildAndPut(sameIdentity(module), "first")
    await remove(module, race.removal)
    await expectFenced(module, asked, TAGGED)
  })

  test.each(RACES)(
    "$how while the refresh lease is held, with $form",
    async ({ removal, request }) => {
      stopDate()
      const module = await staleModule(request())
      const asked = request()
      expect(await module.match(asked)).toBeUndefined()
      await remove(module, removal)
      await expectFenced(module, asked, TAGGED)
      expect(await refreshCounts(module)).toMatchObject({ puts: 2, elections: 1 })
      jest.useRealTimers()
    },
  )

  test.each(REMOVALS)("%s while the body of its put was still being read", async (_, removal) => {
    const module = freshCache()
    const request = get("/p/1")
    await module.match(request)
    const { stream, enqueue, end } = controlledStream()
    const put = module.put(request, new Response(stream), TAGGED)
    enqueue("half")
    await nextTurn()
    await remove(module, removal)
    end()
    await put
    expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 1 })
    expect(await bodyOf(module, AT)).toBeUndefined()
  })

  test.each(REMOVALS)(
    "%s by another declaration, with match and put by two more",
    async (_, removal) => {
      const module = freshCache()
      const request = get("/p/1")
      await sameIdentity(module).match(request)
      await remove(sameIdentity(module), removal)
      await expectFenced(module, request, TAGGED)
    },
  )
})

describe("a purge of a tag that only the response has", () => {
  const tags = ["named-late"]
  const rules = [{ path: "/p/:id", tags }]

  test.each<[string, Partial<CacheModuleOptions>, { tags: string[] } | undefined, ResponseInit]>([
    ["by the call of put", {}, { tags }, {}],
    ["by its Cache-Tag", {}, undefined, { headers: { "cache-tag": "other, named-late" } }],
    ["by its rule", { rules }, undefined, {}],
    ["by its instance", { tags }, undefined, {}],
  ])("%s drops its put", async (_, declared, options, init) => {
    const module = freshCache(declared)
    const request = get("/p/1")
    await module.match(request)
    await module.purge({ tags })
    await module.put(request, new Response("too late", init), options)
    expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 1 })
    await module.match(request)
    await module.put(request, new Response("in time", init), options)
    expect(await bodyOf(module, request)).toBe("in time")
  })
})

describe("of two builders of one key with a purge between their misses,", () => {
  async function builders(form: () => Request | string) {
    const module = freshCache()
    const [old, recent] = [form(), form()]
    await module.match(old)
    await module.purge({ tags: ["t"] })
    await module.match(recent)
    const put = (builder: "old" | "young") =>
      module.put(builder === "old" ? old : recent, new Response(builder), TAGGED)
    return { module, put }
  }

  test.each<["old" | "young", "old" | "young"]>([
    ["old", "young"],
    ["young", "old"],
  ])(
    "with different Requests, only the older put is dropped when %s puts before %s",
    async (...order) => {
      const { module, put } = await builders(() => get("/p/1"))
      for (const builder of order) await put(builder)
      expect(await bodyOf(module, AT)).toBe("young")
      expect(await refreshCounts(module)).toMatchObject({ puts: 1, fencedWrites: 1 })
    },
  )

  test("with strings, both puts are dropped, and that of the next build is stored", async () => {
    const { module, put } = await builders(() => AT)
    await put("young")
    await put("old")
    expect(await refreshCounts(module)).toMatchObject({ puts: 0, fencedWrites: 2 })
    await expectStored(module)
  })

  async function expectStored(module: CacheModule): Promise<void> {
    expect(await module.match(AT)).toBeUndefined()
    await module.put(AT, new Response("in time"), TAGGED)
    expect(await bodyOf(module, AT)).toBe("in time")
  }
})

describe("a build is stored", () => {
  const OTHERS: [string, Removal][] = [
    ["another tag", { purge: { tags: ["t2", "T", "p"] } }],
    ["no tags", { purge: { tags: [] } }],
    ["another prefix", { purge: { prefix: url("/p/12") } }],
    ["a prefix of another host", { purge: { prefix: "https://api.example.com.test/" } }],
    ["another path's prefix", { purge: { prefix: "/1" } }],
    ["another request", { purge: { request: url("/p/2") } }],
    ["the request by HEAD", { purge: { request: new Request(AT, { method: "HEAD" }) } }],
    ["another key, by delete", { delete: url("/p/1?q") }],
  ]

  test.each(
    OTHERS.flatMap(([what, removal]) =>
      REQUEST_FORMS.map(([form, request]) => ({ what, removal, form, request })),
    ),
  )("after a purge of $what, with $form", async ({ removal, request }) => {
    const module = freshCache()
    const asked = request()
    await module.match(asked)
    await remove(module, removal)
    await module.put(asked, new Response("built"), TAGGED)
    expect(await bodyOf(module, AT)).toBe("built")
    expect(await refreshCounts(module)).toMatchObject({ puts: 1, fencedWrites: 0 })
  })

  test.each(REMOVALS)("after %s in another namespace", async (_, removal) => {
    const module = freshCache()
    const request = get("/p/1")
    await module.match(request)
    await remove(freshCache({ name: module.name, namespace: "other" }), removal)
    await module.put(request, new Response("built"), TAGGED)
    expect(await bodyOf(module, AT)).toBe("built")
  })

  test.each(RACES)(
    "after $how that came before its miss, with $form",
    async ({ removal, request }) => {
      const module = freshCache()
      await remove(module, removal)
      const asked = request()
      await module.match(asked)
      await module.put(asked, new Response("built"), TAGGED)
      expect(await bodyOf(module, AT)).toBe("built")
    },
  )

  test.each(RACES)(
    "after $how without a miss before it, with $form",
    async ({ removal, request }) => {
      const module = freshCache()
      await remove(module, removal)
      await module.put(request(), new Response("warm"), TAGGED)
      expect(await bodyOf(module, AT)).toBe("warm")
      expect(await refreshCounts(module)).toMatchObject({ puts: 1, fencedWrites: 0 })
    },
  )

  test.each(REQUEST_FORMS)(
    "beside other builds of its key that overwrite each other, with %s",
    async (_, request) => {
      const module = freshCache()
      const asked = Array.from({ length: 3 }, request)
      for (const one of asked) await module.match(one)
      for (const [index, one] of asked.entries()) {
        await module.put(one, new Response(`built ${index}`), TAGGED)
        expect(await bodyOf(module, AT)).toBe(`built ${index}`)
      }
      expect(await module.stats()).toEqual({ ...NO_STATS, misses: 3, puts: 3, hits: 3 })
      expect(await refreshCounts(module)).toMatchObject({ fencedWrites: 0 })
    },
  )
})

describe("a put is still dropped after a purge if, before that,", () => {
  const failing = () =>
    new Response(new ReadableStream({ pull: (feed) => feed.error(new Error("broken")) }))

  test.each<[string, () => Response]>([
    ["was rejected for its status", () => new Response("part", { status: 206 })],
    ["failed with its body", failing],
  ])("a first put of it %s", async (_, bad) => {
    const module = freshCache()
    const request = get("/p/1")
    await module.match(request)
    await expect(module.put(request, bad(), TAGGED)).rejects.toThrow()
    await module.purge(TAGGED)
    await expectFenced(module, request, TAGGED)
  })

  test("its key was put without a miss, as long as the build is known by its Request", async () => {
    const module = freshCache()
    const asked = get("/p/1")
    await module.match(asked)
    await module.put(AT, new Response("warm"), TAGGED)
    await module.purge(TAGGED)
    await expectFenced(module, asked, TAGGED)
  })
})

describe("a soft purge during a build", () => {
  beforeEach(stopDate)
  afterEach(() => jest.useRealTimers())

  test.each(REMOVALS.filter(([, removal]) => "purge" in removal))(
    "drops the build's put and leaves the entry stale, and the put of the next caller with the lease is stored: %s",
    async (_, removal) => {
      const module = freshCache(POLICY)
      const [early, next] = [get("/p/1"), get("/p/1")]
      await module.match(early)
      await buildAndPut(module, "old")
      await remove(module, asSoftPurge(removal))
      await module.put(early, new Response("too late"), TAGGED)

      expect(await refreshCounts(module)).toMatchObject({ puts: 1, fencedWrites: 1 })
      expect(await module.match(next)).toBeUndefined()
      expect(await bodyOf(module, AT)).toBe("old")
      await module.put(next, new Response("new"), TAGGED)
      expect(await bodyOf(module, AT)).toBe("new")
      expect(await refreshCounts(module)).toMatchObject({ puts: 2, fencedWrites: 1, elections: 1 })
    },
  )

  test("that refreshes the entry drops its put, and the put of the caller that acquires the lease after the purge is stored", async () => {
    const module = await staleModule()
    const [early, next] = [get("/p/1"), get("/p/1")]
    expect(await module.match(early)).toBeUndefined()
    await module.purge({ ...TAGGED, soft: true })
    expect(await module.match(next)).toBeUndefined()
    await module.put(next, new Response("new"), TAGGED)
    await module.put(early, new Response("too late"), TAGGED)
    expect(await bodyOf(module, AT)).toBe("new")
    expect(await refreshCounts(module)).toMatchObject({ puts: 2, fencedWrites: 1, elections: 2 })
  })
})

/** Runs another build of the same key, from its miss to its put. */
async function buildAndPut(module: CacheModule, body: string): Promise<void> {
  const request = get("/p/1")
  await module.match(request)
  await module.put(request, new Response(body), TAGGED)
}

function asSoftPurge(removal: Removal): Removal {
  return "purge" in removal ? { purge: { ...removal.purge, soft: true } } : removal
}
