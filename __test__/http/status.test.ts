import { randomUUID } from "node:crypto"
import { setClock, stopDate } from "../helpers/clock"

import {
  AT,
  afterGate,
  answerWithControl,
  collapsedClients,
  datedAnswer,
  lastResponse,
  notModified,
  outcomesOf,
  responses,
  type StageOptions,
  type TimedRequest,
  withCache,
} from "../helpers/proxy-cache"
import { type Answer, type AnswerParts, gate } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const freshAnswer = (fields: AnswerParts["fields"]) =>
  answerWithControl("max-age=60", { fields: { ETag: '"v1"', ...fields }, body: "text" })
const oneMinute = freshAnswer({})
const GET: TimedRequest = {}
const down = datedAnswer({ status: 503 })
const requestWith = (fields: Record<string, string>, at = 0): TimedRequest => ({ fields, at })

describe("Cache-Status of a response is:", () => {
  test.each<[string, Answer[], TimedRequest[], number, string]>([
    [
      "to be validated each time",
      [answerWithControl("no-cache", { fields: { ETag: '"v"' } })],
      [GET],
      200,
      "fwd=uri-miss; fwd-status=200; stored; ttl=0",
    ],
    ["a hit", [oneMinute], [GET, { at: 8 }], 200, "hit; ttl=52"],
    ["a hit for HEAD", [oneMinute], [GET, { at: 8, method: "HEAD" }], 200, "hit; ttl=52"],
    [
      "a hit for a condition",
      [oneMinute],
      [GET, requestWith({ "If-None-Match": "*" }, 8)],
      304,
      "hit; ttl=52",
    ],
    [
      "a hit for a range",
      [oneMinute],
      [GET, requestWith({ Range: "bytes=0-1" }, 8)],
      206,
      "hit; ttl=52",
    ],
    [
      "a hit for no range",
      [oneMinute],
      [GET, requestWith({ Range: "bytes=9-" }, 8)],
      416,
      "hit; ttl=52",
    ],
    [
      "a stale hit",
      [oneMinute],
      [GET, requestWith({ "Cache-Control": "max-stale" }, 70)],
      200,
      "hit; ttl=-10; detail=stale",
    ],
    [
      "validated",
      [oneMinute, notModified()],
      [GET, { at: 70 }],
      200,
      "fwd=stale; fwd-status=304; ttl=60",
    ],
    [
      "validated for a condition",
      [oneMinute, notModified()],
      [GET, requestWith({ "If-None-Match": "*" }, 70)],
      304,
      "fwd=stale; fwd-status=304; ttl=60",
    ],
    [
      "validated on request",
      [oneMinute, notModified()],
      [GET, requestWith({ Pragma: "no-cache" }, 8)],
      200,
      "fwd=request; fwd-status=304; ttl=60",
    ],
    [
      "replaced by what is not stored",
      [oneMinute, answerWithControl("private")],
      [GET, { at: 70 }],
      200,
      "fwd=stale; fwd-status=200; detail=private",
    ],
    [
      "an error in its place",
      [oneMinute, down],
      [GET, { at: 70 }],
      503,
      "fwd=stale; fwd-status=503",
    ],
    [
      "a status beyond",
      [answerWithControl("max-age=60", { status: 999 })],
      [GET],
      999,
      "fwd=uri-miss; fwd-status=999; stored; ttl=60",
    ],
  ])("%s", async (_name, answers, requests, status, expected) => {
    const [response, identity] = await lastResponse(answers, requests)
    expect([response.status, response.all("cache-status")]).toEqual([
      status,
      [`${identity}; ${expected}`],
    ])
  })

  test("stale while it is refreshed", async () => {
    await withCache(async ({ proxy, origin, module }) => {
      origin.script(AT, [answerWithControl("max-age=60, stale-while-revalidate=30"), oneMinute])
      await proxy.get(AT)
      setClock(70)
      const refreshed = outcomesOf(module, "refresh")
      const expected = `${module.identity}; hit; ttl=-10; detail=stale`
      expect((await proxy.get(AT)).get("cache-status")).toBe(expected)
      await refreshed
    })
  })

  test("collapsed", async () => {
    await withCache(async (stage) => {
      const isReady = gate()
      stage.origin.script(AT, afterGate(isReady, oneMinute))
      const clients = await collapsedClients(stage, 2)
      isReady.open()
      const received = (await responses(clients)).map((response) => response.get("cache-status"))
      const described = (how: string) =>
        `${stage.module.identity}; fwd=uri-miss; fwd-status=200; stored${how}; ttl=60`
      expect(received.sort()).toEqual([described("; collapsed"), described("")].sort())
    })
  })

  test("too large to be stored", async () => {
    const small: StageOptions = {
      cacheOptions: { storage: { memory: { maxBytes: 100_000, maxEntryBytes: 1_000 } } },
    }
    await withCache(async ({ proxy, origin, module }) => {
      origin.script(AT, answerWithControl("max-age=60", { body: "x".repeat(1_000) }))
      const expected = `${module.identity}; fwd=uri-miss; fwd-status=200; detail=too-large`
      expect((await proxy.get(AT)).get("cache-status")).toBe(expected)
    }, small)
  })

  test("with the cache's name as a string if it does not begin with a letter", async () => {
    const name = randomUUID()
    await withCache(
      async ({ proxy, origin }) => {
        origin.script(AT, oneMinute)
        const expected = `"9/${name}"; fwd=uri-miss; fwd-status=200; stored; ttl=60`
        expect((await proxy.get(AT)).get("cache-status")).toBe(expected)
      },
      { cacheOptions: { namespace: "9", name } },
    )
  })
})
