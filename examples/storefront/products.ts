import Database from "libsql"
import { seed } from "./seed.ts"

export interface Product {
  id: number
  name: string
  price: number
  description: string
}

/** There is no product with the requested id. */
export class UnknownProduct extends Error {}

/** The requested change is invalid; the message says why. */
export class InvalidChange extends Error {}

const database = new Database(process.env.STOREFRONT_DB || ":memory:")
seed(database)

const selectAll = database.prepare("SELECT id, name, price, description FROM products ORDER BY id")
const selectOne = database.prepare("SELECT id, name, price, description FROM products WHERE id = ?")
const update = database.prepare(
  "UPDATE products SET name = coalesce(?, name), price = coalesce(?, price), description = coalesce(?, description) WHERE id = ?",
)

export async function listProducts(): Promise<Product[]> {
  return selectAll.all() as Product[]
}

/** @throws UnknownProduct */
export async function findProduct(id: string | undefined): Promise<Product> {
  const [product] = selectOne.all(readId(id)) as Product[]
  if (!product) throw new UnknownProduct(`No product has the id ${id}`)
  return product
}

/**
 * Changes the fields that the input has; the product's own `id` may be among them. @throws
 * UnknownProduct, InvalidChange
 */
export async function updateProduct(id: string | undefined, input: unknown): Promise<void> {
  const own = readId(id)
  const change = readChange(own, input)
  const { changes } = update.run(
    change.name ?? null,
    change.price ?? null,
    change.description ?? null,
    own,
  )
  if (changes === 0) throw new UnknownProduct(`No product has the id ${id}`)
}

// One spelling per id, so that the tag `product:<id>` of a write is the tag of the reads.
function readId(id: string | undefined): number {
  if (id === undefined || !/^(0|[1-9]\d{0,14})$/.test(id))
    throw new UnknownProduct(`No product has the id ${id}`)
  return Number(id)
}

function readChange(id: number, input: unknown): Partial<Product> {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new InvalidChange("The body must be a JSON object")
  }
  const fields = Object.entries(input)
  for (const [field, value] of fields) assertField(id, field, value)
  return Object.fromEntries(fields)
}

function assertField(id: number, field: string, value: unknown): void {
  if (field === "name" || field === "description") {
    if (typeof value !== "string") throw new InvalidChange(`${field} must be a string`)
  } else if (field === "price") {
    if (!Number.isFinite(value)) throw new InvalidChange("price must be a number")
  } else if (field === "id") {
    if (value !== id) throw new InvalidChange(`id cannot be changed: leave it out, or send ${id}`)
  } else {
    throw new InvalidChange(`A product has no field ${field} to change`)
  }
}
