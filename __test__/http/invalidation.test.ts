import { setClock, stopDate } from "../helpers/clock"

import {
  AT,
  afterGate,
  answerWithControl,
  type CacheStage,
  cacheStatusOf,
  datedAnswer,
  outcomesOf,
  requestCount,
  summaryOf,
  withCache,
} from "../helpers/proxy-cache"
import { HOST } from "../helpers/raw-client"
import { type Answer, type AnswerParts, gate } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const freshAnswer = (body: string, fields: AnswerParts["fields"] = {}) =>
  answerWithControl("max-age=60", { fields, body })

/** Stores a response for each target, runs `change`, and returns the targets still stored. */
async function targetsStoredAfter(
  targets: readonly string[],
  change: (stage: CacheStage) => Promise<void>,
): Promise<string[]> {
  const stillStored: string[] = []
  await withCache(async (stage) => {
    const { proxy, origin } = stage
    for (const target of targets) {
      origin.script(target, freshAnswer("before"))
      await proxy.get(target)
    }
    await change(stage)
    for (const target of targets) {
      origin.script(target, freshAnswer("after"))
      if ((await proxy.get(target)).text === "before") stillStored.push(target)
    }
  })
  return stillStored
}

/**
 * Returns a step that sends an unsafe request for {@link AT}, which the origin answers with
 * `parts`.
 */
function change(
  parts: AnswerParts,
  method = "POST",
  target = AT,
): (stage: CacheStage) => Promise<void> {
  return async ({ proxy, origin }) => {
    origin.script(target, datedAnswer(parts))
    const request = { method, target, ...(method === "POST" && { body: "content" }) }
    expect((await proxy.send(request)).status).toBe(parts.status ?? 200)
  }
}

describe("the stored responses for a URL are invalidated", () => {
  test.each([
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "LINK",
    "PURGE",
    "MKCOL",
    "LOCK",
    "MOVE",
    "M-SEARCH",
  ])("by a successful %s", async (method) => {
    expect(await targetsStoredAfter([AT, "/b"], change({}, method))).toEqual(["/b"])
  })

  test.each([200, 201, 202, 204, 205, 226, 299, 301, 302, 303, 307, 308, 399])(
    "by a POST answered with a %d",
    async (status) => {
      expect(await targetsStoredAfter([AT], change({ status }))).toEqual([])
    },
  )

  test.each([400, 401, 403, 404, 409, 412, 422, 500, 502, 503, 599, 600, 999])(
    "but not by a POST answered with a %d",
    async (status) => {
      const fields = { Location: "/b", "Content-Location": "/b" }
      expect(await targetsStoredAfter([AT, "/b"], change({ status, fields }))).toEqual([AT, "/b"])
    },
  )

  test.each(["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"])(
    "but not by a %s",
    async (method) => {
      const safe = async ({ proxy, origin }: CacheStage) => {
        origin.script(
          AT,
          datedAnswer({
            fields: { Location: "/b", "Content-Location": "/b", "Content-Length": "0" },
          }),
        )
        expect((await proxy.send({ method, target: AT })).status).toBe(200)
      }
      expect(await targetsStoredAfter([AT, "/b"], safe)).toEqual([AT, "/b"])
    },
  )

  test("even if the answer is private, without a lifetime or uncacheable", async () => {
    for (const control of ["private", "no-store", "max-age=60"]) {
      expect(
        await targetsStoredAfter([AT], change({ fields: { "Cache-Control": control } })),
      ).toEqual([])
    }
  })

  test("in all variants, fresh and stale, and no others are", async () => {
    await withCache(async ({ proxy, origin, module }) => {
      origin.script(
        AT,
        [1, 2, 3].map((n) => freshAnswer(`${n}`, { Vary: "X-A", ETag: '"v"' })),
      )
      for (const name of ["1", "2", "3"]) {
        await proxy.get(AT, { "X-A": name })
        setClock(50)
      }
      setClock(70)
      origin.script(AT, datedAnswer())
      await proxy.send({ method: "DELETE", target: AT })
      expect(await module.inspect()).toMatchObject({ entries: 0, invalidations: 3 })
      origin.script(AT, freshAnswer("new"))
      expect(summaryOf(await proxy.get(AT, { "X-A": "1" }))).toBe(
        "200 new (fwd=uri-miss; fwd-status=200; stored; ttl=60)",
      )
    })
  })

  test.each<[string, string, string[]]>([
    ["with its query", "/a?x=1", ["/a?x=1"]],
    ["with its query in another order", "/a?y=2&x=1", ["/a?x=1&y=2"]],
    ["spelled with dots, as what stands without them", "/b/../a", ["/a"]],
  ])("%s", async (_name, target, gone) => {
    const all = ["/a", "/a?x=1", "/a?x=1&y=2", "/a/b"]
    const stillStored = all.filter((one) => !gone.includes(one))
    expect(await targetsStoredAfter(all, change({}, "PUT", target))).toEqual(stillStored)
  })

  test("for the host of the request only", async () => {
    const elsewhere = async ({ proxy, origin }: CacheStage) => {
      origin.script(AT, datedAnswer())
      await proxy.send({ method: "POST", target: AT, fields: { Host: "other.example" } })
    }
    expect(await targetsStoredAfter([AT], elsewhere)).toEqual([AT])
  })

  test("but not if the origin aborts before it answers", async () => {
    const broken = async ({ proxy, origin }: CacheStage) => {
      origin.script(AT, ({ reset }) => reset())
      expect((await proxy.send({ method: "POST", target: AT })).status).toBe(502)
    }
    expect(await targetsStoredAfter([AT], broken)).toEqual([AT])
  })
})

describe("a URL that the response to a successful unsafe request names in", () => {
  const names = ["Location", "Content-Location"]
  const related: [string, string][] = [
    ["a path", "/dir/b"],
    ["a relative path", "b"],
    ["an absolute URL of the same origin", `http://${HOST}/dir/b`],
    ["a URL with the default port", `http://${HOST.toUpperCase()}:80/dir/b`],
    ["a URL without a scheme", `//${HOST}/dir/b`],
    ["a URL with a fragment", "/dir/b#part"],
    ["a path with dots", "/dir/x/../b"],
  ]
  const rows = names.flatMap((name) => related.map((row) => [name, ...row] as const))

  test.each(rows)("%s as %s is invalidated too", async (name, _form, value) => {
    const written = change({ status: 201, fields: { [name]: value } }, "POST", "/dir/a")
    expect(await targetsStoredAfter(["/dir/a", "/dir/b", "/dir/c"], written)).toEqual(["/dir/c"])
  })

  test.each(
    names.flatMap((name) =>
      [
        "http://other.example/dir/b",
        `https://${HOST}/dir/b`,
        `http://${HOST}:8080/dir/b`,
        "http://[/dir/b",
        "mailto:a@b.example",
        "",
      ].map((value) => [name, value] as const),
    ),
  )("%s as %p, which is of another origin, is not invalidated", async (name, value) => {
    const written = change({ fields: { [name]: value } }, "POST", "/dir/a")
    expect(await targetsStoredAfter(["/dir/a", "/dir/b"], written)).toEqual(["/dir/b"])
  })

  test.each(
    names.flatMap((name) =>
      ["other.example", `${HOST}:8080`, `sub.${HOST}`].map((host) => [name, host] as const),
    ),
  )("%s at %s stays stored", async (name, host) => {
    await withCache(async ({ proxy, origin }) => {
      const fields = { Host: host }
      origin.script("/dir/b", freshAnswer("theirs"))
      await proxy.get("/dir/b", fields)
      origin.script(
        "/dir/a",
        datedAnswer({ status: 201, fields: { [name]: `http://${host}/dir/b` } }),
      )
      await proxy.send({ method: "POST", target: "/dir/a" })
      expect(summaryOf(await proxy.get("/dir/b", fields))).toBe("200 theirs (hit; ttl=60)")
    })
  })

  test("both is invalidated, with its query", async () => {
    const fields = { Location: "?x=1", "Content-Location": "/dir/b" }
    const written = change({ status: 201, fields }, "POST", "/dir/a")
    expect(
      await targetsStoredAfter(["/dir/a", "/dir/a?x=1", "/dir/a?x=2", "/dir/b"], written),
    ).toEqual(["/dir/a?x=2"])
  })
})

describe("an unsafe request while the origin answers a GET", () => {
  /**
   * Sends an unsafe request while the origin answers a GET with `first`; returns the body of the
   * GET.
   */
  async function during(first: Answer, isReady: () => void, stage: CacheStage): Promise<string> {
    const { proxy, origin, module } = stage
    origin.script(AT, [first, datedAnswer({ body: "changed" }), freshAnswer("after")])
    const client = (await proxy.connect()).send({ target: AT })
    await origin.received(AT)
    await proxy.send({ method: "PUT", target: AT })
    const after = await proxy.get(AT)
    expect(summaryOf(after)).toBe("200 after (fwd=uri-miss; fwd-status=200; stored; ttl=60)")
    const put = outcomesOf(module, "put")
    isReady()
    const text = (await client.response()).text
    expect([await put, requestCount(origin)]).toEqual([["fenced purged"], 3])
    return text
  }

  test("drops the response of the GET from the store and from later requests", async () => {
    await withCache(async (stage) => {
      const isReady = gate()
      expect(await during(afterGate(isReady, freshAnswer("before")), isReady.open, stage)).toBe(
        "before",
      )
      expect(summaryOf(await stage.proxy.get(AT))).toBe("200 after (hit; ttl=60)")
    })
  })

  test("drops it even if its head has arrived", async () => {
    await withCache(async (stage) => {
      const { opened, open } = gate()
      const before: Answer = async ({ write }) => {
        await write("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 6\r\n\r\nbef")
        await opened
        await write("ore")
      }
      expect(await during(before, open, stage)).toBe("before")
      expect(summaryOf(await stage.proxy.get(AT))).toBe("200 after (hit; ttl=60)")
    })
  })

  test("drops the response of a background refresh", async () => {
    await withCache(async ({ proxy, origin, module }) => {
      const isReady = gate()
      const old = answerWithControl("max-age=60, stale-while-revalidate=60", { body: "old" })
      origin.script(AT, [old, afterGate(isReady, freshAnswer("before")), datedAnswer()])
      await proxy.get(AT)
      setClock(60)
      expect(cacheStatusOf(await proxy.get(AT))).toBe("hit; ttl=0; detail=stale")
      await origin.received(AT, 2)
      await proxy.send({ method: "DELETE", target: AT })
      const put = outcomesOf(module, "put")
      isReady.open()
      expect(await put).toEqual(["fenced purged"])
      origin.script(AT, freshAnswer("after"))
      expect([(await proxy.get(AT)).text, requestCount(origin)]).toEqual(["after", 4])
    })
  })
})
