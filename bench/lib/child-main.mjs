/** The other side of `child.mjs`. */

process.once("message", async ({ module, input }) => {
  const told = await work(module, input).then(
    (outcome) => ({ outcome }),
    (error) => ({ failed: error.stack }),
  )
  process.send(told, () => process.exit())
})

async function work(module, input) {
  const { default: run } = await import(module)
  return run(input)
}
