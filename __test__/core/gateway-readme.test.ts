import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startLayerDev, temporaryProject } from "../helpers/layer-dev"

const README = readFileSync(join(__dirname, "../../packages/core/README.md"), "utf8")

/** Returns the README's example for `gateway`. */
function example(): string {
  const blocks = [...README.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code as string)
  return blocks.find((code) => code.includes("gateway:")) ?? ""
}

test("the README's example responds as the README says", async () => {
  const project = temporaryProject({ "app.ts": example() })
  const layer = await startLayerDev("app.ts", project.path)
  const ask = async (init?: RequestInit) => {
    const { headers } = await fetch(new URL("/api/products/7", layer.url), init)
    return [headers.get("cache-status")?.split("; ")[1], headers.get("access-control-allow-origin")]
  }
  try {
    expect(await ask()).toEqual(["fwd=uri-miss", null])
    expect(await ask()).toEqual(["hit", null])
    expect(await ask({ method: "POST" })).toEqual(["fwd=method", null])
    const headers = { origin: "https://www.example.com" }
    expect(await ask({ headers })).toEqual(["fwd=uri-miss", "https://www.example.com"])
    expect(await ask({ headers })).toEqual(["hit", "https://www.example.com"])
  } finally {
    await layer.stop()
    project.remove()
  }
})
