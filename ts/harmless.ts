/**
 * Calls a function of the application whose failure must not fail the caller. `complain` receives
 * what it throws, or what a returned promise or thenable rejects with.
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
