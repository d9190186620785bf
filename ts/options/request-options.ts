import * as check from "./check.js"

/** Whether handlers receive the cookies of requests. */
export type Cookies = "pass" | "ignore"
/** Whether the cache acts on `Cache-Control` and `Pragma` of requests. */
export type RequestDirectives = "honour" | "ignore"

/**
 * How requests to a wrapped handler are treated; `undefined` leaves it to the rule or the instance.
 */
export interface RequestOptions {
  readonly cookies: Cookies | undefined
  readonly requestDirectives: RequestDirectives | undefined
}

/** Names of the options. */
export const REQUEST_OPTIONS = ["cookies", "requestDirectives"]

export function readRequestOptions(path: string, fields: check.Fields): RequestOptions {
  return {
    cookies: choice(`${path}.cookies`, fields.cookies, "pass", "ignore"),
    requestDirectives: choice(
      `${path}.requestDirectives`,
      fields.requestDirectives,
      "honour",
      "ignore",
    ),
  }
}

function choice<Word extends string>(
  path: string,
  value: unknown,
  ...words: Word[]
): Word | undefined {
  if (value === undefined || words.includes(value as Word)) return value as Word | undefined
  throw check.wrong(path, words.map((word) => JSON.stringify(word)).join(" or "), value)
}

/** The options for the addon. */
export function bindingRequestOptions({ cookies, requestDirectives }: RequestOptions): {
  ignoresCookies: boolean | undefined
  ignoresDirectives: boolean | undefined
} {
  return { ignoresCookies: ignores(cookies), ignoresDirectives: ignores(requestDirectives) }
}

function ignores(word: Cookies | RequestDirectives | undefined): boolean | undefined {
  return word === undefined ? undefined : word === "ignore"
}
