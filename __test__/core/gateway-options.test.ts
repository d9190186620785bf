import { type BackendOptions, backend } from "@layeron/core"
import { A } from "../helpers/gateway"

function gateway(options: object): BackendOptions {
  return { gateway: options } as BackendOptions
}

const refusal = (option: string) =>
  expect.objectContaining({
    name: "TypeError",
    code: "LAYERON_INVALID_OPTION",
    message: expect.stringMatching(new RegExp(`^backend\\(\\)\\.gateway\\.${option} must be `)),
  })

test.each([null, 1, 0, "true", "", {}, []])("cache: %j is refused by name", (cache) => {
  expect(() => backend(gateway({ cache }))).toThrow(refusal("cache"))
})

const origins = [A]
const refused: [string, object][] = [
  ["defaultAuth", { defaultAuth: "everyone" }],
  ["defaultAuth", { defaultAuth: null }],
  ["defaultAuth", { defaultAuth: ["public"] }],
  ["responseRequestIdHeader", { responseRequestIdHeader: "" }],
  ["responseRequestIdHeader", { responseRequestIdHeader: "x id" }],
  ["responseRequestIdHeader", { responseRequestIdHeader: "*" }],
  ["responseRequestIdHeader", { responseRequestIdHeader: 1 }],
  ["cors", { cors: "*" }],
  ["cors", { cors: null }],
  ["cors", { cors: [A] }],
  ["cors\\.origins", { cors: {} }],
  ["cors\\.origins", { cors: { origins: A } }],
  ["cors\\.origins", { cors: { origins: [1] } }],
  ["cors\\.origins", { cors: { origins: [""] } }],
  ["cors\\.origins", { cors: { origins: ["a.example"] } }],
  ["cors\\.origins", { cors: { origins: ["https://a.example/"] } }],
  ["cors\\.origins", { cors: { origins: ["https://a.example:443"] } }],
  ["cors\\.origins", { cors: { origins: ["https://A.example"] } }],
  ["cors\\.origins", { cors: { origins: ["https://*.example"] } }],
  ["cors\\.origins", { cors: { origins: ["https://u@a.example"] } }],
  ["cors\\.origins", { cors: { origins: [A, "*"], credentials: true } }],
  ["cors\\.methods", { cors: { origins, methods: "GET" } }],
  ["cors\\.methods", { cors: { origins, methods: ["get"] } }],
  ["cors\\.methods", { cors: { origins, methods: ["*"] } }],
  ["cors\\.requestHeaders", { cors: { origins, requestHeaders: ["x own"] } }],
  ["cors\\.requestHeaders", { cors: { origins, requestHeaders: ["*"] } }],
  ["cors\\.responseHeaders", { cors: { origins, responseHeaders: [""] } }],
  ["cors\\.responseHeaders", { cors: { origins, responseHeaders: "age" } }],
  ["cors\\.credentials", { cors: { origins, credentials: "true" } }],
  ["cors\\.maxAgeSeconds", { cors: { origins, maxAgeSeconds: -1 } }],
  ["cors\\.maxAgeSeconds", { cors: { origins, maxAgeSeconds: 0.5 } }],
  ["cors\\.maxAgeSeconds", { cors: { origins, maxAgeSeconds: 2 ** 31 } }],
  ["cors\\.maxAgeSeconds", { cors: { origins, maxAgeSeconds: "60" } }],
]

test.each(refused)("%s is refused by name: %j", (option, options) => {
  expect(() => backend(gateway({ cache: true, ...options }))).toThrow(refusal(option))
})

test.each(refused)("without cache, %s is not validated: %j", (_option, options) => {
  expect(backend(gateway(options)).gateway).toBe(options)
  expect(() => backend(gateway({ cache: false, ...options }))).not.toThrow()
})

test("all valid options are accepted, and unknown fields are ignored", () => {
  const warned = jest.spyOn(process, "emitWarning").mockImplementation()
  const options = {
    cache: true,
    cors: {
      origins: [A, "http://localhost:5173", "https://[::1]:8443", "capacitor://localhost", "null"],
      methods: ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
      requestHeaders: [],
      responseHeaders: ["Age"],
      credentials: true,
      maxAgeSeconds: 0,
      region: "eu",
    },
    defaultAuth: "admin",
    requestIdHeader: 7,
    responseRequestIdHeader: "X-Id",
    traceHeader: null,
    logs: {},
    region: "eu",
  }
  expect(backend(gateway(options)).gateway).toBe(options)
  expect(() =>
    backend(gateway({ cache: true, cors: { origins: ["*"], credentials: false } })),
  ).not.toThrow()
  expect(warned).not.toHaveBeenCalled()
  warned.mockRestore()
})
