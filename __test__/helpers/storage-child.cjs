/**
 * Child process that runs functions: it receives `{ id, source, args }` and replies with `{ id,
 * value }` or `{ id, error, code }`. It exits when it receives `{ end: true }` or when its parent
 * disconnects.
 */
const { cache, configure } = require("@layeron/modules")

const warnings = []
process.on("warning", ({ code, message }) => warnings.push({ code, message }))

const context = { cache, configure, warnings, require }

process.on("message", async ({ id, source, args, end }) => {
  if (end) return process.disconnect()
  try {
    const call = new Function(`return ${source}`)()
    const value = await call(context, ...args)
    if (process.connected) process.send({ id, value })
  } catch (error) {
    if (process.connected) process.send({ id, error: error.stack, code: error.code })
  }
})
