import type { Database } from "libsql"

const qualities =
  "Amber Brass Cedar Coral Cotton Copper Denim Ebony Felt Flint Glass Ivory Jade Linen Maple Marble Oak Olive Pearl Slate Steel Teak Velvet Walnut Woven"
const things =
  "Basket Bench Blanket Bottle Bowl Candle Chair Clock Cushion Desk Frame Kettle Lamp Mirror Mug Rug Shelf Stool Tray Vase"

/** Creates the table and, if it is empty, the 500 products, which are always the same. */
export function seed(database: Database): void {
  database.exec(
    "CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL NOT NULL, description TEXT NOT NULL)",
  )
  const insert = database.prepare(
    "INSERT OR IGNORE INTO products (id, name, price, description) VALUES (?, ?, ?, ?)",
  )
  // Two processes may open the file at the same time; existing ids are not changed.
  database.transaction(() => {
    for (const [index, name] of names().entries())
      insert.run(index + 1, name, priceOf(index), describe(name))
  })()
}

function names(): string[] {
  return qualities
    .split(" ")
    .flatMap((quality) => things.split(" ").map((thing) => `${quality} ${thing}`))
}

function priceOf(index: number): number {
  return (500 + ((index * 3_701) % 19_500)) / 100
}

function describe(name: string): string {
  return `${name}, made to be used every day and to look better for it. Shipped within two working days, with thirty days to send it back.`
}
