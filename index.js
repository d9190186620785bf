const { cache } = require("./dist/cache.js")
const { configure } = require("./dist/storage.js")

module.exports = { cache, configure }
