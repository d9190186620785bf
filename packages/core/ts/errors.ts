/** A `TypeError` that names an argument and says what is allowed. */
export function invalidOption(name: string, allowed: string, cause?: unknown): TypeError {
  const error = new TypeError(
    `${name} must be ${allowed}`,
    cause === undefined ? undefined : { cause },
  )
  return Object.assign(error, { code: "LAYERON_INVALID_OPTION" })
}
