/** The products that are asked for, one after the other. `paths.lua` asks for the same. */
const PRODUCTS = 100

export const PATHS = Array.from({ length: PRODUCTS }, (_, index) => `/api/products/${index + 1}`)
