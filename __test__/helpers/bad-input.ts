/** Invalid values, each with the label that test titles show. */
export type InvalidValues = readonly (readonly [label: string, value: unknown])[]

const control = String.fromCharCode
/** Values of other types than string. */
const NOT_A_STRING: InvalidValues = [
  ["null", null],
  ["a number", 1],
  ["a boolean", true],
  ["an object", {}],
  ["an array", ["a"]],
  ["a bigint", 1n],
  ["a symbol", Symbol("a")],
  ["a function", () => "a"],
]

const NOT_A_NUMBER: InvalidValues = [
  ["null", null],
  ["a string", "60"],
  ["a boolean", true],
  ["a bigint", 60n],
  ["an object", {}],
  ["an array", [60]],
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
]

export const SECONDS: InvalidValues = [
  ...NOT_A_NUMBER,
  ["a negative", -1],
  ["a fraction", 0.5],
  ["over int32", 2_147_483_648],
]

export const SHARE: InvalidValues = [...NOT_A_NUMBER, ["a negative", -0.01], ["over 1", 1.01]]

export const MAX_BYTES: InvalidValues = [
  ...NOT_A_NUMBER,
  ["0", 0],
  ["a fraction", 1.5],
  ["over 2^53 - 1", 2 ** 53],
]

export const MAX_ENTRY_BYTES: InvalidValues = [
  ...NOT_A_NUMBER,
  ["0", 0],
  ["a fraction", 1.5],
  ["over int32", 2_147_483_648],
]

export const IDENTIFIER: InvalidValues = [
  ...NOT_A_STRING,
  ["empty", ""],
  ["129 characters", "a".repeat(129)],
  ["a slash", "a/b"],
  ["a space", "a b"],
  ["a line feed at its end", "a\n"],
  ["a letter outside ASCII", "é"],
]

export const TEXT: InvalidValues = [...NOT_A_STRING, ["empty", ""]]

export const OBJECT: InvalidValues = [
  ["null", null],
  ["a string", "a"],
  ["a number", 1],
  ["a boolean", true],
  ["an array", []],
  ["a function", () => {}],
]

export const LIST: InvalidValues = [
  ["null", null],
  ["a string", "a"],
  ["a number", 1],
  ["an object", { 0: "a", length: 1 }],
  ["a set", new Set(["a"])],
]

export const HEADER_NAME: InvalidValues = [
  ...NOT_A_STRING,
  ["undefined", undefined],
  ["empty", ""],
  ["a space", "accept language"],
  ["a colon", "accept:"],
  ["a comma", "accept,vary"],
  ["a line feed at its end", "accept\n"],
  ["a letter outside ASCII", "é"],
  ["an asterisk", "*"],
]

export const TAG: InvalidValues = [
  ...NOT_A_STRING,
  ["undefined", undefined],
  ["empty", ""],
  ["1,025 characters", "a".repeat(1025)],
  ["1,025 characters of two units each", "\u{1f600}".repeat(1025)],
  ["a comma", "a,b"],
  ["a line feed", "a\nb"],
  ["a null character", control(0)],
  ["a delete character", control(0x7f)],
  ["a control character of Latin-1", control(0x85)],
]

export const METHOD: InvalidValues = [
  ...NOT_A_STRING,
  ["undefined", undefined],
  ["empty", ""],
  ["a space", "GET "],
  ["a comma", "GET,HEAD"],
]

export const PATTERN: InvalidValues = [
  ...TEXT,
  ["a path without a slash", "api/posts"],
  ["an expression that does not compile", "/api/:id{[0-9}"],
]

export const REQUEST: InvalidValues = [
  ["undefined", undefined],
  ["null", null],
  ["a number", 1],
  ["an object", {}],
  ["an array", ["https://api.example.com/"]],
  ["a function", () => "https://api.example.com/"],
  ["a response", new Response("a")],
  ["an empty string", ""],
  ["a path", "/api/products"],
  ["a URL without scheme", "api.example.com/api"],
  ["a protocol-relative URL", "//api.example.com/api"],
  ["a URL without host", "https://"],
  ["an ftp: string", "ftp://api.example.com/"],
  ["a file: URL", new URL("file:///etc/hosts")],
  ["a data: request", new Request("data:text/plain,a")],
]

export const RESPONSE: InvalidValues = [
  ["undefined", undefined],
  ["null", null],
  ["a string", "a"],
  ["an object", {}],
  ["a request", new Request("https://api.example.com/")],
  ["a promise", Promise.resolve()],
]
