import { setClock, stopDate } from "../helpers/clock"
import { refusingUpstream } from "../helpers/proxy"
import {
  AT,
  answerWithControl,
  datedAnswer,
  lastResponse,
  notModified,
  type TimedRequest,
  withCache,
} from "../helpers/proxy-cache"
import type { Answer, AnswerParts } from "../helpers/scripted-origin"

beforeEach(stopDate)
afterEach(() => jest.useRealTimers())

const freshAnswer = (fields: AnswerParts["fields"]) =>
  answerWithControl("max-age=60", { fields: { ETag: '"v1"', ...fields }, body: "text" })
const oneMinute = freshAnswer({})
const GET: TimedRequest = {}
const requestWith = (fields: Record<string, string>, at = 0): TimedRequest => ({ fields, at })

describe("Cache-Status and Age of upstream caches", () => {
  const before = {
    "Cache-Status": ["Origin; hit; ttl=5", '"other cache"; fwd=miss; detail="a, b"'],
  }
  const SAID = 'Origin; hit; ttl=5, "other cache"; fwd=miss; detail="a, b"'

  test.each<[string, Answer[], TimedRequest[], string]>([
    [
      "a response that is stored",
      [freshAnswer(before)],
      [GET],
      "fwd=uri-miss; fwd-status=200; stored; ttl=60",
    ],
    ["a hit", [freshAnswer(before)], [GET, { at: 8 }], "hit; ttl=52"],
    [
      "a 304 by what is stored",
      [freshAnswer(before)],
      [GET, requestWith({ "If-None-Match": "*" })],
      "hit; ttl=60",
    ],
    [
      "a part of what is stored",
      [freshAnswer(before)],
      [GET, requestWith({ Range: "bytes=0-1" })],
      "hit; ttl=60",
    ],
    [
      "a stale hit",
      [freshAnswer(before)],
      [GET, requestWith({ "Cache-Control": "max-stale" }, 70)],
      "hit; ttl=-10; detail=stale",
    ],
    [
      "what is validated",
      [freshAnswer(before), notModified()],
      [GET, { at: 70 }],
      "fwd=stale; fwd-status=304; ttl=60",
    ],
    [
      "what is validated with a word of theirs",
      [freshAnswer({ "Cache-Status": "Old; hit" }), notModified(before)],
      [GET, { at: 70 }],
      "fwd=stale; fwd-status=304; ttl=60",
    ],
    [
      "what is not stored",
      [datedAnswer({ fields: before })],
      [GET],
      "fwd=uri-miss; fwd-status=200; detail=no-freshness",
    ],
    [
      "the answer to a write",
      [datedAnswer({ fields: before })],
      [{ method: "POST" }],
      "fwd=method; fwd-status=200",
    ],
    [
      "the answer to a HEAD",
      [datedAnswer({ fields: before })],
      [{ method: "HEAD" }],
      "fwd=uri-miss; fwd-status=200",
    ],
    [
      "an error",
      [datedAnswer({ status: 503, fields: before })],
      [GET],
      "fwd=uri-miss; fwd-status=503",
    ],
  ])("come before the Cache-Status of %s", async (_name, answers, requests, expected) => {
    const [response, identity] = await lastResponse(answers, requests)
    expect(response.all("cache-status")).toEqual([`${SAID}, ${identity}; ${expected}`])
  })

  test("come from the nearer of two proxies, and ages add up", async () => {
    await withCache(async (inner) => {
      inner.origin.script(AT, oneMinute)
      await inner.proxy.get(AT)
      setClock(20)
      const upstream = `http://127.0.0.1:${inner.proxy.port}`
      await withCache(
        async ({ proxy, module }) => {
          const seen: (string | undefined)[][] = []
          for (const at of [20, 50]) {
            setClock(at)
            const response = await proxy.get(AT)
            seen.push([response.get("age"), response.get("cache-status")])
          }
          const said = `${inner.module.identity}; hit; ttl=40, ${module.identity}; `
          expect(seen).toEqual([
            ["20", `${said}fwd=uri-miss; fwd-status=200; stored; ttl=40`],
            ["50", `${said}hit; ttl=10`],
          ])
        },
        { upstream },
      )
    })
  })
})

test("a response that the proxy makes itself has no Cache-Status", async () => {
  await withCache(
    async ({ proxy }) => {
      const failed = await proxy.get(AT)
      const refused = await proxy.get(AT, { Host: "no host" })
      expect([failed.status, refused.status]).toEqual([502, 400])
      expect([failed.get("cache-status"), refused.get("cache-status")]).toEqual([
        undefined,
        undefined,
      ])
    },
    { upstream: await refusingUpstream() },
  )
})
