/**
 * Calls a function of the application whose failure is no reason for the caller to fail. `complain`
 * gets whatever it throws, or rejects with where it returns a promise or another thenable: nothing
 * is left that could end the process.
 */
export function harmlessly(call: () => unknown, complain: (thrown: unknown) => void): void {
  try {
    const returned = call()
    if (isObject(returned)) Promise.resolve(returned).then(undefined, complain)
  } catch (thrown) {
    complain(thrown)
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function"
}
