/**
 * A process that calls the functions whose source it is sent: `{ id, source, args }`, answered by
 * `{ id, value }` or `{ id, error, code }`. It ends by itself when it is told that there is nothing
 * more, `{ end: true }`, or nobody is left to send anything.
 */
const { cache, configure } = require("@layeron/modules")

const warnings = []
process.on("warning", ({ code, message }) => warnings.push({ code, message }))

const given = { cache, configure, warnings, require }

process.on("message", async ({ id, source, args, end }) => {
  if (end) return process.disconnect()
  try {
    const call = new Function(`return ${source}`)()
    const value = await call(given, ...args)
    if (process.connected) process.send({ id, value })
  } catch (error) {
    if (process.connected) process.send({ id, error: error.stack, code: error.code })
  }
})
