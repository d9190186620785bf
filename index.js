const { cache } = require("./dist/cache.js")
const { CacheError, CacheTypeError } = require("./dist/errors.js")
const { configure } = require("./dist/options/storage.js")

module.exports = { cache, CacheError, CacheTypeError, configure }
