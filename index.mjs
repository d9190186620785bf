import modules from "./index.js"

export const { cache, configure } = modules
