const { createProxy } = require("./server.js")

module.exports = { createProxy }

if (require.main === module) require("./main.js").main()
