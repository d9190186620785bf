import type { CacheModule, ObservabilityConfig } from "@layeron/modules"
import { bodyOf, freshCache, get, sameIdentity, url } from "../helpers/cache"
import { setClock, stopDate } from "../helpers/clock"
import { EXPECTED_METRICS, runMetered } from "../helpers/metered-project"
import { AT, POLICY, TTL } from "../helpers/stale-module"
import { streamOf } from "../helpers/streams"

beforeEach(stopDate)
afterEach(() => {
  jest.useRealTimers()
  jest.restoreAllMocks()
})

/** Creates a module with the entry {@link AT}, tagged `t`, whose sink writes to `lines`. */
async function moduleWithSink(
  config: ObservabilityConfig = {},
): Promise<{ module: CacheModule; lines: string[] }> {
  const lines: string[] = []
  const module = freshCache({
    ...POLICY,
    namespace: "observed",
    rules: [{ path: "/p/:id", bypass: { headers: ["x-preview"] } }],
    observability: { sink: (line) => void lines.push(line), ...config },
  })
  await sameIdentity(module, POLICY).put(AT, new Response("old"), { tags: ["t"] })
  return { module, lines }
}

const PREVIEW = get("/p/1", { "x-preview": "1" })
const failing = () => new Response(streamOf(["a"], new Error("broken")))
const failingPut = (module: CacheModule) => module.put(AT, failing()).catch(() => {})
const parsed = (lines: readonly string[]) =>
  lines.map((line) => JSON.parse(line) as Record<string, unknown>)
const linesOf = (text: string) => parsed(text.split("\n").filter((line) => line !== ""))

describe("a function that is the sink gets a line of JSON for", () => {
  const key = (path: string) => (module: CacheModule) => module.key(url(path))

  test.each<
    [
      string,
      (module: CacheModule) => Promise<unknown>,
      object,
      (module: CacheModule) => string | undefined,
    ]
  >([
    [
      "a hit",
      (module) => module.match(AT),
      { metric: "cache.hits", operation: "match", outcome: "hit" },
      key("/p/1"),
    ],
    [
      "a miss",
      (module) => module.match(url("/p/2")),
      { metric: "cache.misses", operation: "match", outcome: "miss", reason: "absent" },
      key("/p/2"),
    ],
    [
      "an election",
      (module) => {
        setClock(TTL)
        return module.match(AT)
      },
      {
        metric: "cache.misses",
        operation: "match",
        outcome: "miss",
        reason: "elected",
        time: "2024-01-01T00:01:00.000Z",
      },
      key("/p/1"),
    ],
    [
      "a put",
      (module) => module.put(url("/p/2"), new Response("a")),
      { metric: "cache.puts", operation: "put", outcome: "stored" },
      key("/p/2"),
    ],
    [
      "a put that fails",
      failingPut,
      { metric: "cache.errors", operation: "put", outcome: "error", reason: "Error: broken" },
      key("/p/1"),
    ],
    [
      "a delete",
      (module) => module.delete(AT),
      { metric: "cache.deletes", operation: "delete", outcome: "deleted" },
      key("/p/1"),
    ],
    [
      "a delete of nothing",
      (module) => module.delete(url("/p/2")),
      { metric: "cache.deletes", operation: "delete", outcome: "absent" },
      key("/p/2"),
    ],
    [
      "a purge of two, by their number",
      async (module) => {
        await sameIdentity(module).put(url("/p/2"), new Response("a"), { tags: ["t"] })
        await module.purge({ tags: ["t"] })
      },
      { metric: "cache.purges", operation: "purge", outcome: "purged", value: 2 },
      () => undefined,
    ],
    [
      "a purge of a request, with its key",
      (module) => module.purge({ request: AT, soft: true }),
      { metric: "cache.purges", operation: "purge", outcome: "softened" },
      key("/p/1"),
    ],
  ])("%s", async (_, act, detail, keyed) => {
    const { module, lines } = await moduleWithSink()
    setClock(0.007)
    await act(module)
    expect(parsed(lines)).toEqual([
      {
        time: "2024-01-01T00:00:00.007Z",
        value: 1,
        product: "cache",
        namespace: "observed",
        name: module.name,
        key: keyed(module),
        ...detail,
      },
    ])
    expect(lines[0]).not.toContain("\n")
  })

  test("a stale response, as a hit", async () => {
    const { module, lines } = await moduleWithSink()
    setClock(TTL)
    for (let n = 0; n < 2; n++) await module.match(AT)
    expect(parsed(lines)).toMatchObject([
      { metric: "cache.misses" },
      { metric: "cache.hits", outcome: "stale" },
    ])
  })

  test("neither a bypass nor a put that stores nothing", async () => {
    const { module, lines } = await moduleWithSink()
    await module.match(PREVIEW)
    await module.put(PREVIEW, new Response("a"))
    await module.put(AT, new Response("a", { headers: { "cache-control": "no-store" } }))
    expect(lines).toEqual([])
  })
})

describe("a sink that is", () => {
  test("an object with a write function gets each line with a line feed", async () => {
    class Sink {
      readonly texts: string[] = []
      write(text: string): void {
        this.texts.push(text)
      }
    }
    const sink = new Sink()
    const { module } = await moduleWithSink({ sink })
    await module.match(AT)
    await module.delete(AT)
    expect(sink.texts.every((text) => /^\{[^\n]*\}\n$/.test(text))).toBe(true)
    expect(parsed(sink.texts)).toMatchObject([
      { metric: "cache.hits" },
      { metric: "cache.deletes" },
    ])
  })

  test("not set gets no lines, and nothing is written to the standard streams", async () => {
    const writes = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, "write").mockReturnValue(true),
    )
    const { module } = await moduleWithSink({ sink: undefined })
    await module.match(AT)
    const written = writes.flatMap((write) => write.mock.calls)
    jest.restoreAllMocks()
    expect(written).toEqual([])
  })

  test("of another declaration gets no lines of this declaration", async () => {
    const { module, lines } = await moduleWithSink()
    await sameIdentity(module, POLICY).match(AT)
    expect(lines).toEqual([])
  })
})

describe("redaction", () => {
  test("replaces the values of the named fields and of no others", async () => {
    const { module, lines } = await moduleWithSink({
      redaction: { fields: ["key", "namespace", "reason", "unknown"] },
    })
    await module.match(url("/p/2"))
    await module.match(AT)
    expect(parsed(lines)).toEqual([
      {
        time: "2024-01-01T00:00:00.000Z",
        metric: "cache.misses",
        value: 1,
        product: "cache",
        namespace: "[redacted]",
        name: module.name,
        operation: "match",
        outcome: "miss",
        reason: "[redacted]",
        key: "[redacted]",
      },
      expect.not.objectContaining({ reason: expect.anything() }),
    ])
    expect(lines.join()).not.toContain("example.com")
  })
})

describe("sampling", () => {
  const mockRandom = (number: number) => jest.spyOn(Math, "random").mockReturnValue(number)

  test.each<[string, ObservabilityConfig["sampling"], number, string[]]>([
    ["without shares passes all", undefined, 0.999_999, ["cache.hits", "cache.errors"]],
    ["with neither share passes all", {}, 0.999_999, ["cache.hits", "cache.errors"]],
    [
      "below both shares lets all through",
      { success: 0.5, error: 0.5 },
      0.499_999,
      ["cache.hits", "cache.errors"],
    ],
    ["at both shares lets nothing through", { success: 0.5, error: 0.5 }, 0.5, []],
    ["between the shares lets errors through", { success: 0.2, error: 0.8 }, 0.5, ["cache.errors"]],
    [
      "between the shares lets successes through",
      { success: 0.8, error: 0.2 },
      0.5,
      ["cache.hits"],
    ],
    ["of no successes lets errors through", { success: 0 }, 0, ["cache.errors"]],
    ["of no errors lets successes through", { error: 0 }, 0, ["cache.hits"]],
  ])("%s", async (_, sampling, number, metrics) => {
    const { module, lines } = await moduleWithSink(sampling === undefined ? {} : { sampling })
    mockRandom(number)
    await module.match(AT)
    await failingPut(module)
    expect(parsed(lines).map(({ metric }) => metric)).toEqual(metrics)
  })

  test("changes no counter", async () => {
    const { module } = await moduleWithSink({ sampling: { success: 0, error: 0 } })
    await module.match(AT)
    expect(await module.stats()).toMatchObject({ hits: 1 })
  })
})

test("a sink that throws fails no call, and is warned of once in the process", async () => {
  const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {})
  const sinks: ObservabilityConfig["sink"][] = [
    () => {
      throw new Error("full")
    },
    {
      write() {
        throw new Error("closed")
      },
    },
  ]
  for (const sink of sinks) {
    const { module } = await moduleWithSink({ sink })
    expect(await bodyOf(module, AT)).toBe("old")
    await module.put(AT, new Response("new"))
    await expect(module.put(AT, failing())).rejects.toThrow("broken")
    expect(await module.delete(AT)).toBe(true)
    expect(await module.purge({ everything: true })).toEqual({ purged: 0 })
  }
  expect(warn.mock.calls).toEqual([
    [expect.stringContaining("full"), { code: "LAYERON_OBSERVABILITY" }],
  ])
})

describe("in a project with OpenTelemetry's API", () => {
  const metered = async (observability: object) =>
    linesOf((await runMetered({ observability, telemetry: true })).stdout)

  test("each metric has its own counter and attributes", async () => {
    const seen = new Set<string>()
    const expected = EXPECTED_METRICS.flatMap(([counter, value]) => {
      const added = {
        counter,
        value,
        attributes: { product: "cache", namespace: "ns", name: "shop" },
      }
      if (seen.has(counter)) return [added]
      seen.add(counter)
      return [{ created: counter }, added]
    })
    expect(await metered({})).toEqual([{ meter: "@layeron/modules" }, ...expected])
  })

  test("attributes are redacted, and operations that are not sampled are not counted", async () => {
    expect(await metered({ redaction: { fields: ["name"] }, sampling: { success: 0 } })).toEqual([
      { meter: "@layeron/modules" },
      { created: "cache.errors" },
      {
        counter: "cache.errors",
        value: 1,
        attributes: { product: "cache", namespace: "ns", name: "[redacted]" },
      },
    ])
  })

  test("nothing is counted without observability", async () => {
    expect(await runMetered({ telemetry: true })).toEqual({ stdout: "", stderr: "" })
  })
})

describe("in a project without OpenTelemetry", () => {
  test("the cache works without a warning", async () => {
    const afterwards = "console.log(JSON.stringify(await shop.stats()))"
    expect(await runMetered({ observability: {}, afterwards })).toEqual({
      stdout: '{"hits":2,"misses":1,"puts":2,"deletes":1,"purges":2}\n',
      stderr: "",
    })
  })

  test.each([
    ["stdout", "stderr"],
    ["stderr", "stdout"],
  ] as const)("lines go to %s if that is the sink, and nothing to %s", async (sink, other) => {
    const finished = await runMetered({ observability: { sink } })
    expect(linesOf(finished[sink]).map(({ metric, value }) => [metric, value])).toEqual(
      EXPECTED_METRICS,
    )
    expect(finished[other]).toBe("")
  })
})
