import * as timers from "node:timers"

/**
 * Timers of Node as they were when the package was loaded. They are for what must not stand still where a test replaces timers; what a test
 * may want to move along uses the global ones.
 */
export const { clearTimeout, setImmediate, setTimeout } = timers
