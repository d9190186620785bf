import { CacheError, CacheTypeError } from "@layeron/modules"
import { errorOf, freshCache, url } from "../helpers/cache"

test("a refused argument throws a CacheTypeError, which is a TypeError by class and name", async () => {
  const error = await errorOf(() => freshCache({ ttlSeconds: -1 }))
  expect(error).toBeInstanceOf(CacheTypeError)
  expect(error).toBeInstanceOf(TypeError)
  expect(error).not.toBeInstanceOf(CacheError)
  expect([error.name, error.code]).toEqual(["TypeError", "LAYERON_INVALID_OPTION"])
})

test("a call of a closed instance rejects with a CacheError, which is an Error by class and name", async () => {
  const module = freshCache()
  await module.close()
  const error = await errorOf(() => module.match(url("/")))
  expect(error).toBeInstanceOf(CacheError)
  expect(error).not.toBeInstanceOf(TypeError)
  expect([error.name, error.code]).toEqual(["Error", "LAYERON_CLOSED"])
})
