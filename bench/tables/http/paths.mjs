/** Paths of the products that are requested, in order. `paths.lua` requests the same. */
const PRODUCTS = 100

export const PATHS = Array.from({ length: PRODUCTS }, (_, index) => `/api/products/${index + 1}`)
