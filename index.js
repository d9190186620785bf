const { cache } = require("./dist/cache.js")
const { configure } = require("./dist/options/storage.js")

module.exports = { cache, configure }
