/** The storefront's product route without any cache. */
import { backend } from "@layeron/core"
import { findProduct } from "../../../../examples/storefront/products.ts"

const app = backend()

app.get("/api/products/:id", async (request) => {
  const id = new URL(request.url).pathname.split("/")[3]
  return Response.json({ product: await findProduct(id) })
})

export default app
