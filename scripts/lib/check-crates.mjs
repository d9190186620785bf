/** Checks the licences, bans, sources and advisories of crates. deny.toml has the rules. */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { capture, ROOT } from "./run.mjs"
import { step } from "./steps.mjs"

const VERSION = "0.20.2"
const TOOLS = join(ROOT, "target/tools")

/** Runs each of the checks through `check(title, work)`. */
export async function checkCrates(check) {
  let deny
  await step("cargo-deny", async () => {
    deny = await cargoDeny()
  })
  await check("licences, bans and sources of crates", () =>
    deny("check", "licenses", "bans", "sources"),
  )
  const isReachable = await deny("fetch", "db").then(
    () => true,
    () => false,
  )
  if (isReachable) await check("advisories on crates", () => deny("check", "advisories"))
  else
    process.stdout.write(
      "advisories on crates … skipped: the advisory database cannot be reached\n",
    )
}

/** Runs cargo-deny, which it installs if it is missing. */
async function cargoDeny() {
  const own = join(TOOLS, "bin", process.platform === "win32" ? "cargo-deny.exe" : "cargo-deny")
  const isOnPath = await capture("cargo-deny", ["--version"]).catch(() => false)
  if (!isOnPath && !existsSync(own)) {
    await capture("cargo", ["install", "--locked", "--root", TOOLS, `cargo-deny@${VERSION}`])
  }
  const command = isOnPath ? "cargo-deny" : own
  return (...args) => capture(command, args, { timeout: 120_000 })
}
