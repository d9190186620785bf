import modules from "./index.js"

export const { cache, CacheError, CacheTypeError, configure } = modules
