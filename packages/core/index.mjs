import core from "./index.js"

export const { backend } = core
