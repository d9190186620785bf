const { cache } = require("./dist/cache.js")

module.exports = { cache }
