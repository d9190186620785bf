/** A handler with a constant text: the cost of the server alone. */
import { backend } from "@layeron/core"
import { findProduct } from "../../../../examples/storefront/products.ts"

const app = backend()
const body = JSON.stringify({ product: await findProduct("7") })
const headers = { "content-type": "application/json" }

app.get("/api/products/:id", () => new Response(body, { headers }))

export default app
