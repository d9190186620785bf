import modules from "./index.js"

export const { cache } = modules
